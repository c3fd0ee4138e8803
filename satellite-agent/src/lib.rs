#![doc = include_str!("../README.md")]

mod agent;
mod bindings;
mod config;
mod credentials;
mod enrol;
mod fault;
mod link;
mod pull;
mod push;
mod service;
mod source;
mod spool;
mod status;
mod supervisor;
mod uplink;

pub use agent::Agent;
pub use config::{
    BrokerConfig, Config, DEFAULTS, EnrolmentConfig, PullConfig, PushConfig, ScheduleConfig,
    SourceConfig, SourceKind, SpoolConfig, StatusConfig,
};
pub use enrol::join;
pub use service::AgentService;
