//! A channel of bytes with a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A channel to the other side.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Calls the same method of either kind of channel.
macro_rules! of_either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($inner) => $call,
            #[cfg(unix)]
            Stream::Unix($inner) => $call,
        }
    };
}

impl Stream {
    /// Takes a TCP connection, and sends small frames without delay.
    pub(super) fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(stream))
    }

    pub(super) fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        of_either!(self, stream => stream.set_write_timeout(timeout))
    }

    pub(super) fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        of_either!(self, stream => stream.set_read_timeout(timeout))
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        of_either!(self, stream => stream.set_nonblocking(nonblocking))
    }

    /// Closes the channel for writing.
    pub(super) fn close_writing(&self) -> io::Result<()> {
        of_either!(self, stream => stream.shutdown(Shutdown::Write))
    }

    /// Reads what arrives before the deadline, if there is one, after polling until `spin_until`.
    pub(super) fn timed(&self, deadline: Option<Instant>, spin_until: Option<Instant>) -> Timed<'_> {
        Timed { stream: self, deadline, spin_until }
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        of_either!(*self, stream => (&mut &*stream).read(buffer))
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        of_either!(*self, stream => (&mut &*stream).write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A channel that is read until a deadline, and then fails with [`ErrorKind::TimedOut`].
pub(super) struct Timed<'a> {
    stream: &'a Stream,
    deadline: Option<Instant>,
    spin_until: Option<Instant>,
}

impl Timed<'_> {
    /// Polls without sleeping; `None` when the time is over.
    fn spin(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(until) = self.spin_until.take() else { return Ok(None) };
        self.stream.set_nonblocking(true)?;
        let read = loop {
            match { self.stream }.read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < until => std::hint::spin_loop(),
                read => break read,
            }
        };
        self.stream.set_nonblocking(false)?;
        match read {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            read => read.map(Some),
        }
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(count) = self.spin(buffer)? {
            return Ok(count);
        }
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(left)?;
        { self.stream }.read(buffer)
    }
}
