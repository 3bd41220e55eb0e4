//! Which modules a source file names.

use std::iter::Peekable;

use proc_macro2::token_stream::IntoIter;
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One place where a module names another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Use {
    /// The module at the top of the crate in which this stands.
    pub(crate) from: String,
    /// The name after `crate::`: a module at the top of the crate, or what `lib.rs` has under that name.
    pub(crate) to: String,
    /// What follows that name, such as `::index::Tree` or `::{A, B}`; empty if nothing does.
    pub(crate) rest: String,
    pub(crate) file: String,
    pub(crate) line: usize,
}

type Tokens = Peekable<IntoIter>;

/// Reads the modules of a crate, file by file.
pub(crate) struct Reader<F> {
    /// The text of a file, by its path from the crate's folder.
    source: F,
    pub(crate) uses: Vec<Use>,
    file: String,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    pub(crate) fn new(source: F) -> Reader<F> {
        Reader { source, uses: Vec::new(), file: String::new() }
    }

    /// Reads a module that stands in a file of its own, and those inside it.
    pub(crate) fn module(&mut self, path: &[String]) -> Result<(), String> {
        let stem = format!("src/{}", path.join("/"));
        let files = [format!("{stem}.rs"), format!("{stem}/mod.rs")];
        let found = files.iter().find_map(|file| Some((file, (self.source)(file)?)));
        let (file, text) =
            found.ok_or_else(|| format!("neither {} nor {} can be read", files[0], files[1]))?;
        let tokens: TokenStream =
            text.parse().map_err(|error| format!("{file} is not Rust: {error}"))?;
        let above = std::mem::replace(&mut self.file, file.clone());
        self.walk(tokens, path)?;
        self.file = above;
        Ok(())
    }

    fn walk(&mut self, tokens: TokenStream, path: &[String]) -> Result<(), String> {
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(sign) if sign.as_char() == '#' && is_test(tokens.peek()) => {
                    skip_item(&mut tokens);
                }
                TokenTree::Ident(word) if word == "mod" => {
                    let Some(TokenTree::Ident(name)) = tokens.next() else { continue };
                    let inner: Vec<String> =
                        path.iter().cloned().chain([name.to_string()]).collect();
                    match tokens.next() {
                        Some(TokenTree::Group(body)) => self.walk(body.stream(), &inner)?,
                        _ => self.module(&inner)?,
                    }
                }
                TokenTree::Ident(word) => {
                    let base = match word.to_string().as_str() {
                        "crate" => &path[..0],
                        "self" => path,
                        "super" => parent(path),
                        _ => continue,
                    };
                    if colons(&mut tokens) {
                        self.path(&mut tokens, base, path);
                    }
                }
                TokenTree::Group(group) => self.walk(group.stream(), path)?,
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
        Ok(())
    }

    /// Reads on after `crate::`, `self::` or `super::`, which is the module `base`.
    fn path(&mut self, tokens: &mut Tokens, base: &[String], here: &[String]) {
        match tokens.peek() {
            Some(TokenTree::Ident(word)) if word == "super" => {
                tokens.next();
                if colons(tokens) {
                    self.path(tokens, parent(base), here);
                }
            }
            Some(TokenTree::Group(group)) => {
                let mut inner = group.stream().into_iter().peekable();
                tokens.next();
                while inner.peek().is_some() {
                    self.path(&mut inner, base, here);
                    // On to the next name of the list.
                    while inner.next().is_some_and(|token| !is_sign(&token, ',')) {}
                }
            }
            Some(first) if base.is_empty() => {
                let (to, line) = (first.to_string(), first.span().start().line);
                tokens.next();
                let rest = rest(tokens);
                let (from, file) = (here[0].clone(), self.file.clone());
                self.uses.push(Use { from, to, rest, file, line });
            }
            // Something in the same module at the top, or nothing.
            Some(_) | None => {}
        }
    }
}

/// The rest of a path, as it is written.
fn rest(tokens: &mut Tokens) -> String {
    let mut rest = String::new();
    while colons(tokens) {
        rest.push_str("::");
        match tokens.peek() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                rest.push_str(&group.to_string());
            }
            Some(TokenTree::Ident(word)) => rest.push_str(&word.to_string()),
            Some(sign) if is_sign(sign, '*') => rest.push('*'),
            _ => break,
        }
        tokens.next();
    }
    rest
}

fn parent(path: &[String]) -> &[String] {
    &path[..path.len().saturating_sub(1)]
}

fn is_sign(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// Takes `::`, if that comes next. A single colon is taken too: no path follows it.
fn colons(tokens: &mut Tokens) -> bool {
    let mut colon = || tokens.next_if(|token| is_sign(token, ':')).is_some();
    colon() && colon()
}

/// Whether an attribute is `#[cfg(test)]`.
fn is_test(attribute: Option<&TokenTree>) -> bool {
    attribute.is_some_and(|token| token.to_string().replace(' ', "") == "[cfg(test)]")
}

/// Passes over what an attribute stands on: up to a semicolon, a comma or a body.
fn skip_item(tokens: &mut Tokens) {
    let mut list = false;
    for token in tokens {
        match &token {
            TokenTree::Ident(word) if word == "use" => list = true,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && !list => return,
            token if is_sign(token, ';') || is_sign(token, ',') => return,
            _ => {}
        }
    }
}
