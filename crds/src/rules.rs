//! CEL rules that several fields share. The API server evaluates them at apply time; local mode
//! evaluates the same text in the client.

use kube::core::{Message, Rule};

/// A quantity between two others, both included.
pub(crate) fn between(field: &str, minimum: &str, maximum: &str) -> Rule {
    let rule = format!(
        "quantity(string(self)).compareTo(quantity('{minimum}')) >= 0 && \
         quantity(string(self)).compareTo(quantity('{maximum}')) <= 0"
    );
    Rule::new(rule).message(format!("{field} is between {minimum} and {maximum}").as_str())
}

/// A map of quantities, none of them negative.
pub(crate) fn none_negative(field: &str) -> Rule {
    Rule::new("self.all(name, quantity(string(self[name])).compareTo(quantity('0')) >= 0)")
        .message(format!("no value of {field} is negative").as_str())
}

/// Memory in thousandths of a byte is always a slip: `512m` is what the JVM calls 512Mi.
pub(crate) fn not_in_milli_bytes() -> Rule {
    Rule::new("!string(self).endsWith('m')").message(Message::Expression(
        "string(self) + ' is thousandths of a byte; did you mean ' \
         + string(self).replace('m', 'Mi') + '?'"
            .to_owned(),
    ))
}

/// Memory between 1Mi and 1Pi; values in thousandths have a rule of their own.
pub(crate) fn sensible_memory() -> Rule {
    Rule::new(
        "string(self).endsWith('m') || \
         quantity(string(self)).compareTo(quantity('1Mi')) >= 0 && \
         quantity(string(self)).compareTo(quantity('1Pi')) <= 0",
    )
    .message("memory is between 1Mi and 1Pi")
}

/// Memory in the words of the JVM.
pub(crate) fn jvm_memory(field: &str) -> Rule {
    Rule::new("self.matches('^[1-9][0-9]*[kmgtKMGT][bB]?$')")
        .message(format!("{field} is an amount in the JVM's words, such as 512m or 4g").as_str())
}

/// A request of cpu.
pub(crate) fn cpu_request(field: &str) -> Rule {
    Rule::new("self.matches('^([1-9][0-9]*m|[0-9]+([.][0-9]{1,3})?)$')")
        .message(format!("{field} is an amount of cpu, such as 500m, 1 or 1.5").as_str())
}

#[cfg(test)]
mod tests;
