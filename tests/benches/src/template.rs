//! What the template gives the function, read from the template.

use anyhow::{Context, Result};

use crate::programs::root;

/// How the function is fed and how large it is.
#[derive(Debug, Clone, Copy)]
pub struct Template {
    /// Messages in an invocation, at most.
    pub batch_size: usize,
    /// Invocations at the same time, at most.
    pub concurrency: usize,
    /// MB of the function.
    pub memory: usize,
    /// Seconds of an invocation, at most.
    pub timeout: u64,
}

impl Template {
    /// Of the controller's function, in the administrator account's stack.
    pub fn read() -> Result<Self> {
        Self::of("Controller")
    }

    /// Of the sweep's function.
    pub fn of_sweep() -> Result<Self> {
        Self::of("Sweeper").or_else(|_| Self::read())
    }

    fn of(name: &str) -> Result<Self> {
        let path = root().join("delegated-admin/controller.yaml");
        let text = std::fs::read_to_string(&path)?;
        let function = resource(&text, &format!("{name}Function"))?;
        let source = resource(&text, &format!("{name}Source"))?;
        Ok(Self {
            batch_size: number(source, "BatchSize")?,
            concurrency: number(function, "ReservedConcurrentExecutions")?,
            memory: number(function, "MemorySize")?,
            timeout: number(function, "Timeout")?,
        })
    }
}

/// The lines of a resource.
fn resource<'t>(text: &'t str, name: &str) -> Result<&'t str> {
    let head = format!("\n  {name}:\n");
    let start = text.find(&head).with_context(|| format!("no {name}"))?;
    let body = text.get(start + head.len()..).unwrap_or_default();
    // The next resource is indented as this one.
    let end = body.lines().scan(0, |at, line| {
        let begin = *at;
        *at += line.len() + 1;
        Some((begin, line))
    });
    let end = end
        .skip(1)
        .find(|(_, line)| line.starts_with("  ") && !line.starts_with("   "));
    Ok(match end {
        Some((at, _)) => body.get(..at).unwrap_or_default(),
        None => body,
    })
}

fn number<T: std::str::FromStr>(resource: &str, name: &str) -> Result<T> {
    let head = format!("{name}: ");
    let line = resource.lines().map(str::trim);
    let value = line.filter_map(|line| line.strip_prefix(&head)).next();
    let value = value.and_then(|value| value.trim().parse().ok());
    value.with_context(|| format!("no number `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_what_is_read() {
        let template = Template::read().unwrap();
        assert!(
            template.batch_size >= 1 && template.concurrency >= 1,
            "{template:?}"
        );
        assert!(
            template.memory >= 128 && template.timeout >= 30,
            "{template:?}"
        );
    }
}
