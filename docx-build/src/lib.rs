#![doc = include_str!("../README.md")]

pub mod docxtemplater;

mod markup;
mod package;
