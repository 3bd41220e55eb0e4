//! What each callback is in Java: its method, and what that is given.

use prost::Message;

use super::{Argument, Callback};
use crate::{executor, session, v1};

/// The interfaces by which drivers are given to those who are told.
const SCHEDULER_DRIVER: Argument = Argument::Driver("SchedulerDriver");
const EXECUTOR_DRIVER: Argument = Argument::Driver("ExecutorDriver");
const MESOS: Argument = Argument::Driver("v1/scheduler/Mesos");

fn message(name: &'static str, message: &impl Message) -> Argument {
    Argument::Message(name, message.encode_to_vec())
}

impl Callback for session::Callback {
    fn java(self) -> (&'static str, Vec<Argument>) {
        let (method, mut arguments) = match self {
            Self::Registered { framework, master } => {
                let framework = message("Protos$FrameworkID", &framework);
                ("registered", vec![framework, message("Protos$MasterInfo", &*master)])
            }
            Self::Reregistered { master } => {
                ("reregistered", vec![message("Protos$MasterInfo", &*master)])
            }
            Self::Disconnected => ("disconnected", vec![]),
            Self::ResourceOffers(offers) => {
                let offers = offers.iter().map(Message::encode_to_vec).collect();
                ("resourceOffers", vec![Argument::Messages("Protos$Offer", offers)])
            }
            Self::OfferRescinded(offer) => {
                ("offerRescinded", vec![message("Protos$OfferID", &offer)])
            }
            Self::StatusUpdate(status) => {
                ("statusUpdate", vec![message("Protos$TaskStatus", &*status)])
            }
            Self::FrameworkMessage { executor, agent, data } => {
                let executor = message("Protos$ExecutorID", &executor);
                let agent = message("Protos$SlaveID", &agent);
                ("frameworkMessage", vec![executor, agent, Argument::Bytes(data)])
            }
            Self::AgentLost(agent) => ("slaveLost", vec![message("Protos$SlaveID", &agent)]),
            Self::ExecutorLost { executor, agent, status } => {
                let executor = message("Protos$ExecutorID", &executor);
                let agent = message("Protos$SlaveID", &agent);
                ("executorLost", vec![executor, agent, Argument::Number(status)])
            }
            Self::Error(message) => ("error", vec![Argument::Text(message)]),
        };
        arguments.insert(0, SCHEDULER_DRIVER);
        (method, arguments)
    }
}

impl Callback for executor::Callback {
    fn java(self) -> (&'static str, Vec<Argument>) {
        let (method, mut arguments) = match self {
            Self::Registered { executor, framework, agent } => {
                let executor = message("Protos$ExecutorInfo", &*executor);
                let framework = message("Protos$FrameworkInfo", &*framework);
                let agent = message("Protos$SlaveInfo", &*agent);
                ("registered", vec![executor, framework, agent])
            }
            Self::Reregistered { agent } => {
                ("reregistered", vec![message("Protos$SlaveInfo", &*agent)])
            }
            Self::Disconnected => ("disconnected", vec![]),
            Self::LaunchTask(task) => ("launchTask", vec![message("Protos$TaskInfo", &*task)]),
            Self::KillTask(task) => ("killTask", vec![message("Protos$TaskID", &task)]),
            Self::FrameworkMessage(data) => ("frameworkMessage", vec![Argument::Bytes(data)]),
            Self::Shutdown => ("shutdown", vec![]),
            Self::Error(message) => ("error", vec![Argument::Text(message)]),
        };
        arguments.insert(0, EXECUTOR_DRIVER);
        (method, arguments)
    }
}

impl Callback for v1::Callback {
    fn java(self) -> (&'static str, Vec<Argument>) {
        match self {
            Self::Connected => ("connected", vec![MESOS]),
            Self::Disconnected => ("disconnected", vec![MESOS]),
            Self::Received(event) => {
                let event = Argument::Message("v1/scheduler/Protos$Event", event);
                ("received", vec![MESOS, event])
            }
        }
    }
}
