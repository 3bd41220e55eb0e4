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
    /// How deep the module lies that is read: what is used inside of it does not count.
    depth: usize,
    pub(crate) uses: Vec<Use>,
    file: String,
}

impl<F: Fn(&str) -> Option<String>> Reader<F> {
    /// Reads modules that lie `depth` deep, which is 1 for those at the top of the crate.
    pub(crate) fn new(source: F, depth: usize) -> Reader<F> {
        Reader { source, depth, uses: Vec::new(), file: String::new() }
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
            Some(first) if base.len() < self.depth => {
                let (first, line) = (first.to_string(), first.span().start().line);
                tokens.next();
                let mut way = base.iter().cloned().chain([first]);
                let to = way.next().unwrap_or_default();
                let rest: String =
                    way.map(|name| format!("::{name}")).collect::<String>() + &rest(tokens);
                let (from, file) = (here[0].clone(), self.file.clone());
                self.uses.push(Use { from, to, rest, file, line });
            }
            // Something inside of the module that is read, or nothing.
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

/// Whether what an attribute stands on is there in tests only: `#[cfg(test)]`, `#[cfg(all(test, …))]`.
fn is_test(attribute: Option<&TokenTree>) -> bool {
    let Some(TokenTree::Group(attribute)) = attribute else { return false };
    let mut tokens = attribute.stream().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Ident(word)), Some(TokenTree::Group(condition))) if word == "cfg" => {
            conditions(condition.stream()).iter().all(|condition| needs_test(condition))
        }
        _ => false,
    }
}

/// The conditions of a list.
fn conditions(list: TokenStream) -> Vec<Vec<TokenTree>> {
    let tokens: Vec<TokenTree> = list.into_iter().collect();
    let conditions = tokens.split(|token| is_sign(token, ','));
    conditions.filter(|condition| !condition.is_empty()).map(<[TokenTree]>::to_vec).collect()
}

/// Whether a condition holds in tests only.
fn needs_test(condition: &[TokenTree]) -> bool {
    match condition {
        [TokenTree::Ident(word)] => word == "test",
        [TokenTree::Ident(word), TokenTree::Group(list)] => {
            let inner = conditions(list.stream());
            let mut inner = inner.iter().map(|condition| needs_test(condition));
            match word.to_string().as_str() {
                "all" => inner.any(|needs| needs),
                "any" => inner.len() > 0 && inner.all(|needs| needs),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Passes over what an attribute stands on: an item, up to its body or a semicolon; or a field, a variant
/// and the like, up to a comma that stands in no generics.
fn skip_item(tokens: &mut Tokens) {
    // The attribute itself, and others.
    let attribute = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Bracket,
        token => is_sign(token, '#'),
    };
    while tokens.next_if(attribute).is_some() {}
    let item = item(tokens);
    let mut generics = 0_usize;
    let mut before = ' ';
    for token in tokens {
        let mut sign = ' ';
        match &token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                if item != Some(Item::Statement) {
                    return;
                }
            }
            TokenTree::Punct(punct) => sign = punct.as_char(),
            TokenTree::Group(_) | TokenTree::Ident(_) | TokenTree::Literal(_) => {}
        }
        match (before, sign) {
            (_, ';') => return,
            (_, ',') if item.is_none() && generics == 0 => return,
            (_, '<') => generics += 1,
            ('-', '>') => {}
            // What is compared before an arm's arrow is no generics.
            ('=', '>') => generics = 0,
            (_, '>') => generics = generics.saturating_sub(1),
            _ => {}
        }
        before = sign;
    }
}

/// How an item ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    /// With a body or a semicolon.
    Body,
    /// With a semicolon, whatever stands in braces before it.
    Statement,
}

/// Takes the words with which an item begins, if one comes next.
fn item(tokens: &mut Tokens) -> Option<Item> {
    let mut item = None;
    loop {
        let word = match tokens.peek()? {
            TokenTree::Ident(word) => word.to_string(),
            // As in `pub(crate)` and `extern "C"`.
            TokenTree::Group(_) | TokenTree::Literal(_) => "pub".into(),
            TokenTree::Punct(_) => return item,
        };
        item = match word.as_str() {
            "pub" => item,
            "use" | "static" | "const" | "type" => Some(Item::Statement),
            "fn" | "impl" | "struct" | "enum" | "trait" | "mod" | "async" | "unsafe" | "extern" => {
                Some(Item::Body)
            }
            _ => return item,
        };
        tokens.next();
    }
}
