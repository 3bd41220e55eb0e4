//! Computing with resources: scalars with three decimals, ranges and sets.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::types::{
    Resource, ResourceAllocationInfo, ResourceDiskInfoSourceType, ValueRange, ValueRanges,
    ValueScalar, ValueSet, ValueType,
};

/// A scalar in thousandths, the precision that Mesos computes with.
pub type Thousandths = i64;

/// A scalar in thousandths; nothing if it is not a number or too large for one.
pub fn thousandths(value: f64) -> Option<Thousandths> {
    let scaled = (value * 1000.0).round();
    // Up to here every whole number has a double of its own.
    let exact = scaled.is_finite() && scaled.abs() <= 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it fits, as was checked")]
    exact.then_some(scaled as i64)
}

/// The scalar of thousandths.
pub fn scalar(thousandths: Thousandths) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "what is read has at most 53 bits")]
    let value = thousandths as f64;
    value / 1000.0
}

/// A scalar resource.
pub fn scalar_resource(name: &str, amount: Thousandths) -> Resource {
    Resource {
        scalar: Some(ValueScalar { value: scalar(amount) }),
        ..resource(name, ValueType::Scalar)
    }
}

/// A resource of ranges, both ends included.
pub fn ranges_resource(name: &str, ranges: impl IntoIterator<Item = (u64, u64)>) -> Resource {
    let range = ranges.into_iter().map(|(begin, end)| ValueRange { begin, end }).collect();
    Resource { ranges: Some(ValueRanges { range }), ..resource(name, ValueType::Ranges) }
}

/// A resource that is a set.
pub fn set_resource(name: &str, item: Vec<String>) -> Resource {
    Resource { set: Some(ValueSet { item }), ..resource(name, ValueType::Set) }
}

fn resource(name: &str, kind: ValueType) -> Resource {
    Resource { name: name.to_owned(), r#type: kind.into(), ..Resource::default() }
}

/// The resource as allocated to a role.
pub fn allocated(mut resource: Resource, role: &str) -> Resource {
    resource.allocation_info = Some(ResourceAllocationInfo { role: Some(role.to_owned()) });
    resource
}

/// What is wrong with resources, in Mesos's words.
pub fn check_resources(resources: &[Resource]) -> Result<(), String> {
    resources.iter().try_for_each(|resource| {
        check_resource(resource)
            .map_err(|problem| format!("Resource '{}' is invalid: {problem}", resource.name))
    })
}

fn check_resource(resource: &Resource) -> Result<(), String> {
    if resource.name.is_empty() {
        return Err("Empty resource name".to_owned());
    }
    let (has_scalar, has_ranges, has_set) =
        (resource.scalar.is_some(), resource.ranges.is_some(), resource.set.is_some());
    match ValueType::try_from(resource.r#type) {
        Ok(ValueType::Scalar) => {
            let Some(value) = resource.scalar.as_ref().filter(|_| !has_ranges && !has_set) else {
                return Err("Invalid scalar resource".to_owned());
            };
            if value.value < 0.0 {
                return Err("Invalid scalar resource: value < 0".to_owned());
            }
            if thousandths(value.value).is_none() {
                return Err("Invalid scalar resource: value is not a number".to_owned());
            }
        }
        Ok(ValueType::Ranges) => {
            let Some(ranges) = resource.ranges.as_ref().filter(|_| !has_scalar && !has_set) else {
                return Err("Invalid ranges resource".to_owned());
            };
            let mut ends: Vec<(u64, u64)> =
                ranges.range.iter().map(|range| (range.begin, range.end)).collect();
            ends.sort_unstable();
            if ends.iter().any(|(begin, end)| begin > end) {
                return Err("Invalid ranges resource: begin > end".to_owned());
            }
            if ends.windows(2).any(|pair| pair[1].0 <= pair[0].1) {
                return Err("Invalid ranges resource: overlapping ranges".to_owned());
            }
        }
        Ok(ValueType::Set) => {
            let Some(set) = resource.set.as_ref().filter(|_| !has_scalar && !has_ranges) else {
                return Err("Invalid set resource".to_owned());
            };
            if set.item.iter().collect::<BTreeSet<_>>().len() < set.item.len() {
                return Err("Invalid set resource: duplicated elements".to_owned());
            }
        }
        Ok(ValueType::Text) | Err(_) => return Err("Unsupported resource type".to_owned()),
    }
    Ok(())
}

/// What sets a resource apart from one that is offered in a role to whoever takes it, in words that
/// follow its name; nothing if nothing does. Here no resource is reserved in Mesos's sense, and there
/// are no volumes.
pub fn distinction(resource: &Resource, offered_role: &str) -> Option<String> {
    let allocated = resource.allocation_info.as_ref().and_then(|info| info.role.as_deref());
    let reserved = resource.reservations.last().or(resource.reservation.as_ref());
    let reserved = reserved.map(|reservation| reservation.role.as_deref());
    let reserved = match (reserved, resource.role.as_deref()) {
        (Some(reserved), old) => Some(reserved.or(old).unwrap_or("*")),
        (None, Some("*") | None) => None,
        (None, Some(role)) => Some(role),
    };
    if let Some(role) = reserved {
        return Some(format!("reserved for role '{role}'"));
    }
    if let Some(role) = allocated.filter(|role| *role != offered_role) {
        return Some(format!("allocated to role '{role}'"));
    }
    if resource.revocable.is_some() {
        return Some("that are revocable".to_owned());
    }
    if resource.shared.is_some() {
        return Some("that are shared".to_owned());
    }
    if let Some(provider) = &resource.provider_id {
        return Some(format!("of resource provider '{}'", provider.value));
    }
    let disk = resource.disk.as_ref()?;
    if let Some(persistence) = &disk.persistence {
        return Some(format!("with the persistent volume '{}'", persistence.id));
    }
    let source =
        disk.source.as_ref().and_then(|it| ResourceDiskInfoSourceType::try_from(it.r#type).ok());
    Some(match source {
        Some(source) => format!("of a disk of type {}", source.text()),
        None => "of a disk or a volume of its own".to_owned(),
    })
}

/// How much there is of what, whoever it is reserved for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantities {
    /// Scalars.
    pub scalars: BTreeMap<String, Thousandths>,
    /// Ranges, both ends included, in order and apart.
    pub ranges: BTreeMap<String, Vec<(u64, u64)>>,
    /// Sets.
    pub sets: BTreeMap<String, BTreeSet<String>>,
}

impl Quantities {
    /// The sum of resources that were checked.
    pub fn of<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> Self {
        let mut sum = Self::default();
        for resource in resources {
            let name = resource.name.clone();
            if let Some(amount) = resource.scalar.as_ref().and_then(|s| thousandths(s.value)) {
                let known = sum.scalars.entry(name).or_default();
                *known = known.saturating_add(amount);
            } else if let Some(ranges) = &resource.ranges {
                let known = sum.ranges.entry(name).or_default();
                known.extend(ranges.range.iter().map(|range| (range.begin, range.end)));
            } else if let Some(set) = &resource.set {
                sum.sets.entry(name).or_default().extend(set.item.iter().cloned());
            }
        }
        // Once for all: there may be a hundred thousand.
        sum.ranges.values_mut().for_each(coalesce);
        sum.scalars.retain(|_, amount| *amount != 0);
        sum
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.scalars.is_empty()
            && self.ranges.values().all(Vec::is_empty)
            && self.sets.values().all(BTreeSet::is_empty)
    }

    /// Whether all of another is in this.
    pub fn contains(&self, other: &Self) -> bool {
        let has = |(name, amount): (&String, &i64)| self.scalars.get(name).unwrap_or(&0) >= amount;
        let covers = |(name, ranges): (&String, &Vec<(u64, u64)>)| {
            let own = self.ranges.get(name).map_or(&[][..], Vec::as_slice);
            let within = |range: &(u64, u64)| own.iter().any(|o| o.0 <= range.0 && range.1 <= o.1);
            ranges.iter().all(within)
        };
        let holds = |(name, items): (&String, &BTreeSet<String>)| {
            items.is_empty() || self.sets.get(name).is_some_and(|own| own.is_superset(items))
        };
        other.scalars.iter().all(has)
            && other.ranges.iter().all(covers)
            && other.sets.iter().all(holds)
    }

    /// The resources, as reserved for nobody.
    pub fn resources(&self) -> Vec<Resource> {
        let scalars = self.scalars.iter().map(|(name, amount)| scalar_resource(name, *amount));
        let ranges = self.ranges.iter().map(|(name, r)| ranges_resource(name, r.iter().copied()));
        let sets =
            self.sets.iter().map(|(name, s)| set_resource(name, s.iter().cloned().collect()));
        scalars.chain(ranges).chain(sets).collect()
    }
}

/// Puts ranges in order and joins those that touch.
pub fn coalesce(ranges: &mut Vec<(u64, u64)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, range| {
        let touches = next.0 <= range.1.saturating_add(1);
        if touches {
            range.1 = range.1.max(next.1);
        }
        touches
    });
}

/// As Mesos writes resources: `cpus:1; mem:128.5; ports:[31000-32000]; disks:{a, b}`.
impl fmt::Display for Quantities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scalars =
            self.scalars.iter().map(|(name, amount)| format!("{name}:{}", scalar(*amount)));
        let ranges =
            self.ranges.iter().map(|(name, ranges)| format!("{name}:{}", brackets(ranges)));
        let sets = self.sets.iter().map(|(name, items)| {
            let items: Vec<&str> = items.iter().map(String::as_str).collect();
            format!("{name}:{{{}}}", items.join(", "))
        });
        let all: Vec<String> = scalars.chain(ranges).chain(sets).collect();
        formatter.write_str(&if all.is_empty() { "{}".to_owned() } else { all.join("; ") })
    }
}

/// Ranges as Mesos writes them: `[31000-32000, 33000-33000]`.
pub fn brackets(ranges: &[(u64, u64)]) -> String {
    let ranges: Vec<String> = ranges.iter().map(|(begin, end)| format!("{begin}-{end}")).collect();
    format!("[{}]", ranges.join(", "))
}

#[cfg(test)]
mod tests;
