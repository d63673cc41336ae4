//! HTTP/1.1 as DynamoDB and its clients speak it: messages with a length, one
//! after the other on a connection.

use std::io::{self, BufRead};

/// A request or an answer, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The first line and the headers, with the empty line that ends them.
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The next message; `None` where the connection ended before one began.
    pub(crate) fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if from.read_line(&mut head)? == 0 {
                return if head.is_empty() { Ok(None) } else { Err(cut_off()) };
            }
        }
        let mut message = Self { head, body: Vec::new() };
        message.body = vec![0; message.length()?];
        from.read_exact(&mut message.body)?;
        Ok(Some(message))
    }

    /// An answer with a body of that type.
    pub(crate) fn answer(status: u16, kind: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Whatever\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        Self { head, body: body.as_bytes().to_vec() }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }

    /// Of an answer.
    pub(crate) fn status(&self) -> u16 {
        let status = self.head.split(' ').nth(1).and_then(|word| word.parse().ok());
        status.unwrap_or_else(|| panic!("no status: {}", self.head))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut found = fields.filter(|(n, _)| n.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }

    fn length(&self) -> io::Result<usize> {
        if self.header("transfer-encoding").is_some() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "a body in chunks"));
        }
        let Some(length) = self.header("content-length") else {
            return Ok(0);
        };
        length.parse().map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
    }
}

fn cut_off() -> io::Error {
    io::ErrorKind::UnexpectedEof.into()
}

#[test]
fn messages_follow_each_other_on_a_connection() {
    let two = b"POST / HTTP/1.1\r\ncontent-length: 2\r\nX-Amz-Target: A.B\r\n\r\n{}GET / HTTP/1.1\r\n\r\n";
    let mut from = &two[..];
    let first = Message::read(&mut from).unwrap().unwrap();
    assert_eq!((first.body.as_slice(), first.header("x-amz-target")), (&b"{}"[..], Some("A.B")));
    let second = Message::read(&mut from).unwrap().unwrap();
    assert!(second.body.is_empty());
    assert!(Message::read(&mut from).unwrap().is_none());
    let mut half = &two[..20];
    assert!(Message::read(&mut half).is_err());
}
