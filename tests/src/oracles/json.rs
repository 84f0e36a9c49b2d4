//! JSON by RFC 8259: a reader that keeps what others throw away. Members stay in their order, be
//! there two of one name, and every value is there as it was written.

/// A value and the text that it was.
#[derive(Clone, Debug)]
pub struct Json<'a> {
    /// The text, without white space around it.
    pub text: &'a str,
    /// What it is.
    pub kind: Kind<'a>,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number of any size.
    Number,
    /// A string, or nothing if it has a lone surrogate in it.
    String(Option<String>),
    /// An array.
    Array(Vec<Json<'a>>),
    /// Names and values.
    Object(Vec<(Name<'a>, Json<'a>)>),
}

/// The name of a member.
#[derive(Clone, Debug)]
pub struct Name<'a> {
    /// As it was written, in its quotes.
    pub text: &'a str,
    /// What it says, or nothing if it has a lone surrogate in it.
    pub says: Option<String>,
}

impl<'a> Json<'a> {
    /// Reads a text that is one value. It calls itself for each level of nesting.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        reader.skip_white_space();
        (reader.at == text.len()).then_some(value)
    }

    /// The members of an object.
    #[must_use]
    pub fn members(&self) -> Option<&[(Name<'a>, Self)]> {
        match &self.kind {
            Kind::Object(members) => Some(members),
            _ => None,
        }
    }

    /// The last member of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        let is_it = |(it, _): &&(Name<'a>, Self)| it.says.as_deref() == Some(name);
        self.members()?.iter().rev().find(is_it).map(|(_, value)| value)
    }

    /// Whether one of those members is there twice.
    #[must_use]
    pub fn repeats(&self, names: &[&str]) -> bool {
        let members = self.members().unwrap_or_default();
        let count =
            |name| members.iter().filter(|(it, _)| it.says.as_deref() == Some(name)).count();
        names.iter().any(|name| count(*name) > 1)
    }

    /// Whether the names of all its members are text.
    #[must_use]
    pub fn has_names(&self) -> bool {
        self.members().is_none_or(|members| members.iter().all(|(name, _)| name.says.is_some()))
    }

    /// The string that it is.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => text.as_deref(),
            _ => None,
        }
    }

    /// Whether it is an object.
    #[must_use]
    pub const fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }

    /// Whether it can be an id: a string or an integer.
    #[must_use]
    pub fn is_id(&self) -> bool {
        match self.kind {
            Kind::String(_) => true,
            Kind::Number => !self.text.contains(['.', 'e', 'E']),
            _ => false,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Option<Json<'a>> {
        self.skip_white_space();
        let start = self.at;
        let kind = match self.peek()? {
            b'{' => self.object()?,
            b'[' => self.array()?,
            b'"' => Kind::String(self.string()?),
            b'n' => self.word("null", Kind::Null)?,
            b't' => self.word("true", Kind::Bool)?,
            b'f' => self.word("false", Kind::Bool)?,
            _ => self.number()?,
        };
        Some(Json { text: &self.text[start..self.at], kind })
    }

    fn object(&mut self) -> Option<Kind<'a>> {
        let mut members = Vec::new();
        self.items(b'}', |reader| {
            reader.skip_white_space();
            let start = reader.at;
            let says = reader.string()?;
            let name = Name { text: &reader.text[start..reader.at], says };
            reader.skip_white_space();
            reader.take(b':')?;
            members.push((name, reader.value()?));
            Some(())
        })?;
        Some(Kind::Object(members))
    }

    fn array(&mut self) -> Option<Kind<'a>> {
        let mut items = Vec::new();
        self.items(b']', |reader| {
            items.push(reader.value()?);
            Some(())
        })?;
        Some(Kind::Array(items))
    }

    /// What stands between two brackets, with commas between.
    fn items(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        self.skip_white_space();
        if self.take(end).is_some() {
            return Some(());
        }
        loop {
            item(self)?;
            self.skip_white_space();
            if self.take(end).is_some() {
                return Some(());
            }
            self.take(b',')?;
        }
    }

    /// Section 7: any characters but controls, and escapes.
    #[expect(clippy::option_option, reason = "a malformed string, and one that is no text")]
    fn string(&mut self) -> Option<Option<String>> {
        self.take(b'"')?;
        // In UTF-16, which is what escapes are of.
        let mut units = Vec::new();
        loop {
            let c = self.text[self.at..].chars().next()?;
            self.at += c.len_utf8();
            match c {
                '"' => return Some(String::from_utf16(&units).ok()),
                '\\' => units.push(self.escape()?),
                '\0'..' ' => return None,
                c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
            }
        }
    }

    fn escape(&mut self) -> Option<u16> {
        let escape = self.peek()?;
        self.at += 1;
        Some(match escape {
            b'"' | b'\\' | b'/' => u16::from(escape),
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                is_hex.then(|| u16::from_str_radix(digits, 16).ok())??
            }
            _ => return None,
        })
    }

    /// Section 6.
    fn number(&mut self) -> Option<Kind<'a>> {
        let _ = self.take(b'-');
        let start = self.at;
        let digits = self.digits()?;
        if digits > 1 && self.text[start..].starts_with('0') {
            return None;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if self.take(b'e').or_else(|| self.take(b'E')).is_some() {
            let _ = self.take(b'+').or_else(|| self.take(b'-'));
            self.digits()?;
        }
        Some(Kind::Number)
    }

    /// How many there are, one at least.
    fn digits(&mut self) -> Option<usize> {
        let count = self.text[self.at..].bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        (count > 0).then_some(count)
    }

    fn word(&mut self, word: &str, kind: Kind<'a>) -> Option<Kind<'a>> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())?;
        Some(kind)
    }

    fn skip_white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}
