//! Streams that pass what is written to another stream.

/// Implements `AsyncWrite` by the stream that `$target` leads to, and `is_write_vectored` by `$is_vectored`.
macro_rules! forward_writes {
    ($name:ident $(<$inner:ident>)?, $this:ident => $target:expr, $is_vectored:expr) => {
        impl$(<$inner: tokio::io::AsyncWrite + Unpin>)? tokio::io::AsyncWrite for $name$(<$inner>)? {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &mut *self;
                Pin::new(&mut *$target).poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                slices: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &mut *self;
                Pin::new(&mut *$target).poll_write_vectored(cx, slices)
            }

            fn is_write_vectored(&self) -> bool {
                let $this = self;
                $is_vectored
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = &mut *self;
                Pin::new(&mut *$target).poll_flush(cx)
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = &mut *self;
                Pin::new(&mut *$target).poll_shutdown(cx)
            }
        }
    };
}
