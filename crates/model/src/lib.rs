//! What lies on disk: scenarios, trial records, the manifest of a run, and quantities with units.
//!
//! # Layout
//!
//! - [`quantity`]: `20ms`, `200 B`, `100/s`, and back
//! - [`scenario`]: a question as a TOML file; a [`scenario::Scenario`] that exists can be run
//! - [`target`]: a server that somebody else wrote, as a TOML file
//! - [`settings`]: the settings of one trial
//! - [`byte_account`]: bytes by layer and direction
//! - [`calendar`]: the date of a wall-clock time
//! - [`trial`]: a trial's plan, outcome and record
//! - [`manifest`]: what a run was, and on what machine
//! - [`results`]: a run's folder, while it runs and packed
//! - [`warning`]: what a reader of a figure must know
//! - [`browser`]: what a browser was found to do
//! - [`close_case`]: what clients see of a WebSocket's end
//! - [`publication`]: published figures, and how they are measured here
//! - [`claim`]: what people say, and how results decide it

pub mod browser;
pub mod byte_account;
pub mod calendar;
pub mod claim;
pub mod close_case;
pub mod manifest;
pub mod publication;
pub mod quantity;
pub mod results;
pub mod scenario;
pub mod settings;
pub mod target;
pub mod trial;
pub mod warning;

/// Adds and subtracts readings of counters, which never fall, field by field.
#[macro_export]
macro_rules! field_wise {
    ($type:ty { $($field:ident),+ }) => {
        impl ::std::ops::AddAssign for $type {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)+
            }
        }

        impl ::std::ops::Sub for $type {
            type Output = Self;

            fn sub(self, earlier: Self) -> Self {
                Self { $($field: self.$field - earlier.$field),+ }
            }
        }
    };
}

/// The version of every file that this crate describes; a reader refuses another one.
pub const SCHEMA_VERSION: u32 = 5;
