//! The one loop that acts: it polls a machine, does the effect, and hands the
//! answer back. It decides nothing.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gsictl_core::call::{Call, CallError, Effect as Applied, ErrorKind, Reply};
use gsictl_core::event::Event;
use gsictl_core::machine::{CallId, Effect, Machine, Snapshot};
use gsictl_core::state::Serial;
use gsictl_core::time::Timestamp;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::dynamodb::Backend;
use crate::store::StateStore;

/// A store that the loop can save to from another thread.
pub type SharedStore = Arc<Mutex<dyn StateStore>>;

/// The store, for one thread at a time. One whose user panicked is still good:
/// what it keeps is on disk.
pub fn locked(store: &SharedStore) -> MutexGuard<'_, dyn StateStore + 'static> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The other end of a request to stop. The default never stops anything.
#[derive(Clone, Debug, Default)]
pub struct StopSignal(Option<StopRequest>);

#[derive(Clone, Debug)]
struct StopRequest {
    asked: watch::Receiver<bool>,
    answered: Arc<AtomicBool>,
}

/// Asks runs to stop.
#[derive(Debug)]
pub struct Stopper {
    asked: watch::Sender<bool>,
    answered: Arc<AtomicBool>,
}

/// A stopper and the signal it gives.
#[must_use]
pub fn stopper() -> (Stopper, StopSignal) {
    let (sender, receiver) = watch::channel(false);
    let answered = Arc::new(AtomicBool::new(false));
    let request = StopRequest { asked: receiver, answered: Arc::clone(&answered) };
    (Stopper { asked: sender, answered }, StopSignal(Some(request)))
}

impl Stopper {
    /// Asks everything that holds the signal to stop.
    pub fn stop(&self) {
        let _ = self.asked.send(true);
    }

    /// Becomes true once the request is answered: just before the observer is told
    /// [`Event::Stopping`], or where nothing is said on the way, once the request is
    /// taken notice of. So whoever read the answer finds it true, and what came before
    /// it was true belongs to the request.
    #[must_use]
    pub fn answered(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.answered)
    }
}

impl StopSignal {
    /// Returns once a stop was asked for. Who calls it is about to stop: this is the
    /// answer to the request.
    pub async fn asked(&mut self) {
        self.requested().await;
        self.answer();
    }

    /// The same for who still has to answer.
    async fn requested(&mut self) {
        let stopped = match &mut self.0 {
            Some(request) => request.asked.wait_for(|stop| *stop).await.is_ok(),
            None => false,
        };
        if !stopped {
            std::future::pending::<()>().await;
        }
    }

    fn answer(&self) {
        if let Some(request) = &self.0 {
            request.answered.store(true, Ordering::SeqCst);
        }
    }
}

enum Answer {
    Reply(CallId, Result<Reply, CallError>),
    Saved(Serial, Result<(), String>),
    /// The task panicked; what the machine is told, and the panic.
    Panicked(Box<Answer>, Panic),
}

type Panic = Box<dyn Any + Send>;

/// Drives `machine` until it is over.
///
/// Calls run side by side, saves one at a time on a thread of their own. What is
/// still unanswered when the machine is over is dropped, as in a crash.
///
/// # Panics
/// Where a call panicked. It is not repeated: the machine is asked to stop, so that what
/// it knows is saved, and then the panic goes on.
pub async fn drive<M: Machine>(
    machine: &mut M,
    backend: &Arc<dyn Backend>,
    store: Option<&SharedStore>,
    clock: Clock,
    stop: &mut StopSignal,
    observe: &mut (dyn FnMut(Timestamp, Event) + Send),
) {
    let (sender, mut answers) = unbounded_channel();
    let (mut stopped, mut panic) = (false, None);
    loop {
        while let Ok(answer) = answers.try_recv() {
            take(machine, answer, clock, &mut panic);
        }
        let now = clock.now();
        while let Some(effect) = machine.poll(now) {
            match effect {
                Effect::Notify(event) => {
                    // Before it is shown: once it can be read it must count.
                    if event == Event::Stopping {
                        stop.answer();
                    }
                    observe(now, event);
                }
                Effect::Call(id, call) => {
                    let backend = Arc::clone(backend);
                    let work = async move { carry_out(&*backend, call).await };
                    answer(&sender, Answer::Reply, id, work, panicked_call);
                }
                Effect::Save(snapshot) => save(&sender, store, snapshot),
            }
        }
        // Not every machine says that it stops: some just end.
        if stopped {
            stop.answer();
        }
        if machine.is_over() {
            return panic.map_or((), |panic| std::panic::resume_unwind(panic));
        }
        tokio::select! {
            Some(first) = answers.recv() => take(machine, first, clock, &mut panic),
            () = clock.sleep_until(machine.wake_at()) => {}
            () = stop.requested(), if !stopped => {
                stopped = true;
                machine.on_stop(clock.now());
            }
        }
    }
}

/// All answers that are there are handed over before the next decision, so that
/// what they lead to rides on one save.
fn take<M: Machine>(machine: &mut M, answer: Answer, clock: Clock, panic: &mut Option<Panic>) {
    match answer {
        Answer::Reply(id, reply) => machine.on_reply(clock.now(), id, reply),
        Answer::Saved(serial, result) => machine.on_saved(clock.now(), serial, result),
        Answer::Panicked(answer, why) => {
            take(machine, *answer, clock, panic);
            if panic.is_none() {
                machine.on_stop(clock.now());
                *panic = Some(why);
            }
        }
    }
}

/// Runs `work` on a task of its own. A task that panics is an answer too, or the
/// machine would wait for it for ever.
fn answer<K, T>(
    sender: &UnboundedSender<Answer>,
    wrap: fn(K, T) -> Answer,
    key: K,
    work: impl Future<Output = T> + Send + 'static,
    panicked: fn() -> T,
) where
    K: Send + 'static,
    T: Send + 'static,
{
    let sender = sender.clone();
    tokio::spawn(async move {
        let answer = match tokio::spawn(work).await {
            Ok(result) => wrap(key, result),
            Err(error) => {
                let answer = wrap(key, panicked());
                match error.try_into_panic() {
                    Ok(panic) => Answer::Panicked(Box::new(answer), panic),
                    Err(_) => answer,
                }
            }
        };
        let _ = sender.send(answer);
    });
}

/// Every machine's every reply passes here, so none is believed that answers another
/// call than the one it was made for.
async fn carry_out(backend: &dyn Backend, call: Call) -> Result<Reply, CallError> {
    let reply = backend.call(call.clone()).await.map_err(|error| error.answering(&call))?;
    call.accept(reply)
}

fn panicked_call() -> Result<Reply, CallError> {
    Err(CallError {
        kind: ErrorKind::Server,
        effect: Applied::Unknown,
        code: "Panicked".to_owned(),
        message: "the call ended in a bug of this program".to_owned(),
    })
}

fn save(sender: &UnboundedSender<Answer>, store: Option<&SharedStore>, snapshot: Snapshot) {
    let Snapshot { serial, bytes } = snapshot;
    let store = store.cloned();
    let work = async move {
        let Some(store) = store else {
            return Err("this run keeps no state".to_owned());
        };
        let write = move || locked(&store).save(&bytes).map_err(|error| error.to_string());
        tokio::task::spawn_blocking(write).await.unwrap_or_else(|e| Err(e.to_string()))
    };
    answer(sender, Answer::Saved, serial, work, || Err("saving ended in a bug".to_owned()));
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::dynamodb::local::{Local, LocalDurations};

    /// Goes on until it is stopped, and then says this.
    struct Stopped {
        says: VecDeque<Event>,
        over: bool,
    }

    impl Machine for Stopped {
        fn poll(&mut self, _: Timestamp) -> Option<Effect> {
            if self.over { self.says.pop_front().map(Effect::Notify) } else { None }
        }
        fn wake_at(&self) -> Option<Timestamp> {
            None
        }
        fn on_reply(&mut self, _: Timestamp, _: CallId, _: Result<Reply, CallError>) {}
        fn on_saved(&mut self, _: Timestamp, _: Serial, _: Result<(), String>) {}
        fn on_stop(&mut self, _: Timestamp) {
            self.over = true;
        }
        fn is_over(&self) -> bool {
            self.over && self.says.is_empty()
        }
    }

    /// Whether the request counted as answered at each event, and at the end.
    async fn answered_at(says: Vec<Event>) -> (Vec<bool>, bool) {
        let local = Local::open(None, LocalDurations::of_build(0.0)).unwrap();
        let backend: Arc<dyn Backend> = Arc::new(local);
        let mut machine = Stopped { says: says.into(), over: false };
        let (stopper, mut stop) = stopper();
        let (answered, mut seen) = (stopper.answered(), Vec::new());
        stopper.stop();
        assert!(!answered.load(Ordering::SeqCst), "a request is no answer");
        let mut told = |_, _| seen.push(answered.load(Ordering::SeqCst));
        drive(&mut machine, &backend, None, Clock::start(), &mut stop, &mut told).await;
        (seen, answered.load(Ordering::SeqCst))
    }

    #[tokio::test]
    async fn a_request_to_stop_is_answered_when_that_is_told_and_not_before() {
        let before = Event::SavingCursor;
        let events = vec![before.clone(), Event::Stopping, before];
        assert_eq!(answered_at(events).await, (vec![false, true, true], true));
        // Who says nothing of it just ends.
        assert_eq!(answered_at(Vec::new()).await, (vec![], true));
    }

    /// A backend whose calls are bugs.
    struct Buggy;

    impl Backend for Buggy {
        fn call(&self, _: Call) -> crate::dynamodb::CallFuture<'_> {
            Box::pin(async { panic!("a bug") })
        }
        fn target(&self) -> gsictl_core::state::Target {
            gsictl_core::state::Target { account: None, region: None, endpoint: None }
        }
    }

    /// Asks again and again, until it is stopped; with what it was told.
    #[derive(Default)]
    struct Asking {
        waits: bool,
        told: Arc<Mutex<Vec<CallError>>>,
        stopped: bool,
    }

    impl Machine for Asking {
        fn poll(&mut self, _: Timestamp) -> Option<Effect> {
            if self.stopped || std::mem::replace(&mut self.waits, true) {
                return None;
            }
            let table = gsictl_core::name::TableName::new("bookings").unwrap();
            Some(Effect::Call(CallId(0), Call::DescribeTable(table)))
        }
        fn wake_at(&self) -> Option<Timestamp> {
            None
        }
        fn on_reply(&mut self, _: Timestamp, _: CallId, reply: Result<Reply, CallError>) {
            self.waits = false;
            self.told.lock().unwrap().extend(reply.err());
        }
        fn on_saved(&mut self, _: Timestamp, _: Serial, _: Result<(), String>) {}
        fn on_stop(&mut self, _: Timestamp) {
            self.stopped = true;
        }
        fn is_over(&self) -> bool {
            self.stopped
        }
    }

    #[tokio::test]
    async fn a_call_that_panics_is_not_repeated_and_its_panic_goes_on_after_the_stop() {
        let told = Arc::<Mutex<Vec<CallError>>>::default();
        let mut machine = Asking { told: Arc::clone(&told), ..Asking::default() };
        let run = tokio::spawn(async move {
            let backend: Arc<dyn Backend> = Arc::new(Buggy);
            let mut stop = StopSignal::default();
            drive(&mut machine, &backend, None, Clock::start(), &mut stop, &mut |_, _| {}).await;
        });
        let panic = run.await.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref(), Some(&"a bug"));
        let codes: Vec<_> = told.lock().unwrap().iter().map(|e| e.code.clone()).collect();
        assert_eq!(codes, ["Panicked"]);
    }
}
