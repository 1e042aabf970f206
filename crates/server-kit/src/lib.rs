//! What every server shares: hub, listener, feed and lifetime.
