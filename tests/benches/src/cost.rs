//! What Lambda asks for a million events.

use serde::Serialize;

/// A price list of Lambda in `us-east-1`, first tier, on demand.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Price {
    /// The architecture.
    pub architecture: &'static str,
    /// Dollars for a GB-second.
    pub gigabyte_second: f64,
    /// Dollars for a million requests.
    pub million_requests: f64,
}

/// AWS Lambda pricing (aws.amazon.com/lambda/pricing), as of May 2026.
pub const PRICES: [Price; 2] = [
    Price {
        architecture: "arm64",
        gigabyte_second: 0.000_013_333_4,
        million_requests: 0.20,
    },
    Price {
        architecture: "x86_64",
        gigabyte_second: 0.000_016_666_7,
        million_requests: 0.20,
    },
];

/// Dollars for a million events that are handed over one by one, warm: memory times billed time,
/// which is rounded up to a millisecond, and the requests. Cold starts, the queue, the bus, logs
/// and AWS's other calls are left out.
pub fn of_a_million(price: Price, memory_mb: usize, milliseconds: f64) -> f64 {
    let seconds = milliseconds.ceil() / 1e3;
    let gigabytes = memory_mb as f64 / 1024.0;
    1e6 * seconds * gigabytes * price.gigabyte_second + price.million_requests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_seconds_of_a_gigabyte_cost_what_the_list_says() {
        let [arm, x86] = PRICES;
        assert!((of_a_million(arm, 1024, 1000.0) - 13.5334).abs() < 1e-6);
        assert!((of_a_million(x86, 512, 999.1) - (16.6667 / 2.0 + 0.2)).abs() < 1e-6);
    }
}
