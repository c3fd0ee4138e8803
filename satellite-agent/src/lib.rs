#![doc = include_str!("../README.md")]

mod agent;
mod bindings;
mod command;
mod config;
mod credentials;
mod deploy;
mod doctor;
mod enrol;
mod fault;
mod jitter;
mod keeper;
mod link;
mod local;
mod parcel;
mod proxy;
mod pull;
mod push;
mod secrets;
mod service;
mod source;
mod spool;
mod status;
mod status_verb;
mod supervisor;
mod update;
mod uplink;

pub use agent::Agent;
pub use config::{
    BrokerConfig, Config, DEFAULTS, EnrolmentConfig, FileFormat, FilesConfig, NodeRedConfig,
    PullConfig, PushConfig, ScheduleConfig, ServerConfig, SourceConfig, SourceKind, SpoolConfig,
    StatusConfig, UpdateConfig,
};
pub use enrol::join;
pub use service::{AgentService, main};
