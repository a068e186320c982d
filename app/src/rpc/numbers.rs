//! What is typed into the fields of forms, read and checked.

/// Reads the fields of a form, and gathers what is wrong with them.
#[derive(Default)]
pub(super) struct Numbers(Vec<api::Detail>);

impl Numbers {
    pub fn fault(&mut self, field: &str, message: String) {
        self.0.push(api::Detail { field: field.into(), message });
    }

    pub fn read(&mut self, field: &str, what: &str, text: &str) -> u32 {
        text.trim().parse().unwrap_or_else(|_| {
            self.fault(field, format!("{what} is a whole number"));
            0
        })
    }

    /// A number, or none when nothing is there.
    pub fn limit(&mut self, field: &str, what: &str, text: &str) -> Option<u32> {
        (!text.trim().is_empty()).then(|| self.read(field, what, text))
    }

    /// An amount of memory, or none when nothing is there.
    pub fn bytes(&mut self, field: &str, text: &str) -> Option<u64> {
        if text.trim().is_empty() {
            return None;
        }
        let bytes = api::read_bytes(text);
        if bytes.is_none() {
            self.fault(field, "an amount of memory is a number with a unit, such as 512 MiB or 2 GB".into());
        }
        bytes
    }

    pub fn port(&mut self, text: &str) -> Option<u16> {
        self.port_at("/port", text)
    }

    pub fn port_at(&mut self, field: &str, text: &str) -> Option<u16> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let port = text.parse().ok().filter(|port| *port > 0);
        if port.is_none() {
            let otherwise = if field == "/proxy_port" { "have no proxy" } else { "let Pilothouse choose" };
            self.fault(field, format!("a port is a number from 1 to 65535; leave it empty to {otherwise}"));
        }
        port
    }

    /// How many replicas there shall be; nothing is one.
    pub fn replicas(&mut self, text: &str) -> u8 {
        let text = text.trim();
        let replicas =
            if text.is_empty() { Some(1) } else { text.parse().ok().filter(|wanted| (1..=api::ServiceSpec::REPLICAS).contains(wanted)) };
        replicas.unwrap_or_else(|| {
            self.fault("/replicas", "a service has 1 to 20 replicas; leave it empty to have one".into());
            1
        })
    }

    /// Limits from the texts of their fields: memory, CPU, processes and open files.
    pub fn limits(&mut self, [memory, cpu, processes, files]: [&str; 4]) -> api::Limits {
        api::Limits {
            memory_bytes: self.bytes("/limits/memory_bytes", memory),
            cpu_percent: self.limit("/limits/cpu_percent", "the limit of CPU", cpu),
            processes: self.limit("/limits/processes", "the limit of processes", processes),
            open_files: self.limit("/limits/open_files", "the limit of open files", files),
        }
    }

    /// A command as its words: quotes keep some together, and no shell reads them.
    pub fn words(&mut self, field: &str, text: &str) -> Vec<String> {
        shell_words::split(text.trim()).unwrap_or_else(|_| {
            self.fault(field, "a quote has no end".into());
            Vec::new()
        })
    }

    pub fn variables(&mut self, text: &str) -> std::collections::BTreeMap<String, String> {
        self.take(api::read_variables(text))
    }

    /// What was read elsewhere, or nothing with what is wrong with it.
    pub fn take<T: Default>(&mut self, read: api::Result<T>) -> T {
        read.unwrap_or_else(|error| {
            self.0.extend(error.details);
            T::default()
        })
    }

    pub fn refuse(self) -> api::Result<()> {
        api::Error::invalid_fields(self.0)
    }
}
