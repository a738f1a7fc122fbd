//! The `esker` program as a user meets it, as one binary: each module is a part of its face.

mod commands;
mod custom;
mod dumps;
mod inspect;
mod support;
