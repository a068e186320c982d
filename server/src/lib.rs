//! How the outside reaches Pilothouse: command line, configuration, accept loop, middleware, REST, pages, server functions and
//! WebSockets. It decides nothing: it extracts, calls a port and wraps the answer.

#![recursion_limit = "256"]

pub mod accounts;
mod ask;
pub mod cli;
pub mod config;
mod configuration_command;
pub mod demo_service;
mod deploy_command;
mod docs;
pub mod error;
mod extract;
mod figures;
mod heap;
mod listen;
mod middleware;
pub mod openapi;
mod pages;
mod rest;
pub mod secrets;
pub mod serve;
mod state;
mod upload;
mod watch;
mod web;
mod ws;
