//! What several tests share: dialogue files, a simulated connection with simulated time, and an observer of the wire.

// Each test program uses a part of it.
#![allow(dead_code)]

pub mod dialogue;
pub mod driver;
pub mod events;
pub mod golden;
pub mod harness;
pub mod observer;
pub mod play;
pub mod random;
