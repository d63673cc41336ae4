//! Tables with the program before them: in the embedded engine, or on Amazon
//! DynamoDB Local where that is there.

use crate::support::service::{Service, service};
use crate::support::world::{Embedded, Tables};
use crate::world::{DATABASE, Done, Running, World};

pub(crate) enum Place {
    Embedded(World, Tables),
    Service(Box<Service>),
}

impl Place {
    pub(crate) fn embedded() -> Self {
        let world = World::new();
        let tables = Embedded::open(&world.path(DATABASE), 0.0);
        Self::Embedded(world, tables)
    }

    pub(crate) fn service() -> Option<Self> {
        service().map(|service| Self::Service(Box::new(service)))
    }

    pub(crate) fn tables(&self) -> &Tables {
        match self {
            Self::Embedded(_, tables) => tables,
            Self::Service(service) => &service.tables,
        }
    }

    pub(crate) fn world(&self) -> &World {
        match self {
            Self::Embedded(world, _) => world,
            Self::Service(service) => &service.world,
        }
    }

    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self, Self::Embedded(..))
    }

    pub(crate) fn run(&self, args: &[&str]) -> Done {
        self.start(args).end()
    }

    pub(crate) fn start(&self, args: &[&str]) -> Running {
        match self {
            Self::Embedded(world, _) => world.start_local(args),
            Self::Service(service) => service.world.start(args),
        }
    }
}
