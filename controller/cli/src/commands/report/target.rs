//! Where the page is written.

use std::{fs::File, io};

use anyhow::{Context, Result};

use super::Page;

/// A file that can be written, or standard output.
pub struct Target {
    name: String,
    file: Option<File>,
}

impl Target {
    /// Opens a file; what is in it stays until there is something new.
    pub fn open(name: &str) -> Result<Self> {
        let file = match name {
            "-" => None,
            name => {
                let mut options = File::options();
                let file = options.write(true).create(true).truncate(false).open(name);
                Some(file.with_context(|| format!("cannot write `{name}`"))?)
            }
        };
        let name = name.to_owned();
        Ok(Self { name, file })
    }

    /// Writes the page.
    pub fn write(self, page: &Page) -> Result<()> {
        let written = match self.file {
            None => page.write(io::stdout().lock()),
            Some(file) => file.set_len(0).and_then(|()| page.write(file)),
        };
        match written {
            // Somebody has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.with_context(|| format!("cannot write `{}`", self.name)),
        }
    }
}
