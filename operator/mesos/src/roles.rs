//! Names of roles.

use std::collections::BTreeSet;

/// What is wrong with a role's name.
pub fn check_role(role: &str) -> Result<(), String> {
    if role == "*" {
        return Ok(());
    }
    if role.is_empty() {
        return Err("Empty role name is invalid".to_owned());
    }
    if role.starts_with('/') {
        return Err(format!("Role '{role}' cannot start with a slash"));
    }
    if role.ends_with('/') {
        return Err(format!("Role '{role}' cannot end with a slash"));
    }
    for component in role.split('/') {
        match component {
            "" => return Err(format!("Role '{role}' cannot contain two adjacent slashes")),
            "." => return Err(format!("Role '{role}' cannot include '.' as a component")),
            ".." => return Err(format!("Role '{role}' cannot include '..' as a component")),
            "*" => return Err(format!("Role '{role}' cannot include '*' as a component")),
            _ => {}
        }
        if component.starts_with('-') {
            return Err(format!(
                "Role component '{component}' is invalid because it begins with a dash"
            ));
        }
        let invalid = |character: char| {
            matches!(character, '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ' | '\\' | '\x7f' | '\x08')
        };
        if component.contains(invalid) {
            return Err(format!(
                "Role component '{component}' is invalid because it contains backspace or \
                 whitespace"
            ));
        }
    }
    Ok(())
}

/// What is wrong with a list of roles.
pub fn check_roles(roles: &[String]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for role in roles {
        if !seen.insert(role) {
            return Err(format!("'FrameworkInfo.roles' contains duplicate items: '{role}'"));
        }
        check_role(role)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_checked() {
        for role in ["*", "a", "a/b", "a/b-c.d", "ä"] {
            assert_eq!(check_role(role), Ok(()), "{role}");
        }
        for role in ["", "/", "/a", "a/", "a//b", "a/.", "..", "a/*", "-a", "a/-b", "a b", "a\\b"] {
            assert!(check_role(role).is_err(), "{role}");
        }
    }

    #[test]
    fn a_role_is_named_once() {
        let twice = ["a".to_owned(), "b".to_owned(), "a".to_owned()];
        let message = "'FrameworkInfo.roles' contains duplicate items: 'a'";
        assert_eq!(check_roles(&twice), Err(message.to_owned()));
    }
}
