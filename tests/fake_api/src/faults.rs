//! What goes wrong.

use std::time::Duration;

use super::request::Request;

/// What goes wrong with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done, and the answer has this code.
    Answer(u16),
    /// Nothing is done, and there is no answer.
    Break,
    /// It is done later.
    Late(Duration),
    /// It is done, and the connection breaks before that is heard.
    LoseReply,
    /// It is done, and nothing is ever heard.
    Silence,
    /// It is done, and heard of later.
    SlowReply(Duration),
}

/// When something goes wrong.
pub struct Rule {
    /// What.
    pub fault: Fault,
    /// With which requests.
    pub applies: Box<dyn Fn(&Request) -> bool + Send>,
    /// How often at most.
    pub times: usize,
}

impl Rule {
    /// Something that goes wrong with the next request of a kind.
    pub fn once(fault: Fault, applies: impl Fn(&Request) -> bool + Send + 'static) -> Self {
        Self { fault, applies: Box::new(applies), times: 1 }
    }

    /// Something that goes wrong always.
    pub fn always(fault: Fault, applies: impl Fn(&Request) -> bool + Send + 'static) -> Self {
        Self { fault, applies: Box::new(applies), times: usize::MAX }
    }
}

#[derive(Default)]
pub(crate) struct Faults {
    pub(crate) rules: Vec<Rule>,
    pub(crate) watch_lag: Duration,
    pub(crate) repeats: bool,
    /// Watches of an older generation break off.
    pub(crate) generation: u64,
}

impl Faults {
    /// What goes wrong with this request.
    pub(crate) fn draw(&mut self, request: &Request) -> Option<Fault> {
        let rule = self.rules.iter_mut().find(|rule| rule.times > 0 && (rule.applies)(request))?;
        rule.times -= 1;
        Some(rule.fault)
    }
}
