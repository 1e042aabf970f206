//! Drives real browsers, without a head, over WebDriver.
