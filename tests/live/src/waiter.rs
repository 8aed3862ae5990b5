//! Waiting: for AWS in real time, for the local AWS by turning its clock.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Who lets time pass.
#[derive(Debug, Clone)]
pub enum Waiter {
    /// Time itself.
    Real,
    /// The clock of the local AWS at this `address:port`.
    Turn(String),
}

/// How often to look, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The pause between two looks.
    pub step: SignedDuration,
    /// The longest that is waited.
    pub limit: SignedDuration,
}

impl Pace {
    /// A look every so many seconds, for so many minutes at most.
    pub const fn new(seconds: i64, minutes: i64) -> Self {
        Self {
            step: SignedDuration::from_secs(seconds),
            limit: SignedDuration::from_mins(minutes),
        }
    }
}

impl Waiter {
    /// The time where AWS is.
    pub async fn now(&self) -> Result<Timestamp> {
        match self {
            Self::Real => Ok(Timestamp::now()),
            Self::Turn(address) => clock(address, None).await,
        }
    }

    /// Lets time pass; the time that it then is.
    pub async fn pause(&self, by: SignedDuration) -> Result<Timestamp> {
        match self {
            Self::Real => {
                tokio::time::sleep(by.try_into().unwrap_or(Duration::ZERO)).await;
                Ok(Timestamp::now())
            }
            Self::Turn(address) => clock(address, Some(by)).await,
        }
    }

    /// Looks until there is an answer; the answer and how long it took, or none in time.
    pub async fn poll<T>(
        &self,
        pace: Pace,
        mut look: impl AsyncFnMut() -> Result<Option<T>>,
    ) -> Result<Option<(T, SignedDuration)>> {
        let began = self.now().await?;
        let mut now = began;
        loop {
            let passed = now.duration_since(began);
            match look().await? {
                Some(found) => return Ok(Some((found, passed))),
                None if passed >= pace.limit => return Ok(None),
                None => now = self.pause(pace.step).await?,
            }
        }
    }

    /// Whether a time has come. The local AWS is turned to it.
    pub async fn reach(&self, at: Timestamp) -> Result<bool> {
        let left = at.duration_since(self.now().await?);
        match self {
            Self::Turn(_) if left.is_positive() => Ok(self.pause(left).await? >= at),
            _ => Ok(!left.is_positive()),
        }
    }
}

/// Reads the clock of the local AWS, or turns it; the time that it then is.
async fn clock(address: &str, by: Option<SignedDuration>) -> Result<Timestamp> {
    let address = address.to_owned();
    let asked = tokio::task::spawn_blocking(move || exchange(&address, by)).await?;
    let reply = asked.context("the clock of the local AWS does not answer")?;
    let body = reply.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let now = serde_json::from_str::<Value>(body)
        .ok()
        .and_then(|body| body.get("now")?.as_str()?.parse().ok());
    now.with_context(|| format!("`{reply}` is not the time, expected `{{\"now\": ...}}`"))
}

fn exchange(address: &str, by: Option<SignedDuration>) -> std::io::Result<String> {
    let (method, body) = match by {
        // Up to the next whole second, or a time that is waited for would be just missed.
        Some(by) => {
            let seconds = by.as_secs() + i64::from(by.subsec_nanos() > 0);
            ("POST", format!("{{\"advance\":\"PT{seconds}S\"}}"))
        }
        None => ("GET", String::new()),
    };
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        stream,
        "{method} /_local/clock HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}
