//! The stable names of the mistakes that a team file can have, each with a page of its own.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The stable name of a mistake, `team-…`. Names are never reused for something else.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As printed, and as its page is called.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The text is no TOML.
    Syntax = "team-syntax",
    /// The file, an expression or a value is larger than allowed.
    TooLarge = "team-too-large",
    /// A field that does not exist here.
    UnknownField = "team-unknown-field",
    /// A field that must be there is not.
    MissingField = "team-missing-field",
    /// A value of another type than the field takes.
    BadType = "team-bad-type",
    /// A word that is not one of the few allowed.
    BadChoice = "team-bad-choice",
    /// A number outside its range, zero slots for example.
    OutOfRange = "team-out-of-range",
    /// Something that may not be empty is.
    Empty = "team-empty",
    /// A text that is no duration.
    BadDuration = "team-bad-duration",
    /// A text that is no size.
    BadSize = "team-bad-size",
    /// A name of an agent, a step or a capability with wrong letters.
    BadName = "team-bad-name",
    /// A step with a name that expressions use for something else.
    ReservedName = "team-reserved-name",
    /// A kind of agent that does not exist.
    UnknownKind = "team-unknown-kind",
    /// A kind of agent that this version reads but does not run.
    KindNotYet = "team-kind-not-yet",
    /// A builtin that does not exist.
    UnknownBuiltin = "team-unknown-builtin",
    /// An agent that serves nothing.
    ServesNothing = "team-serves-nothing",
    /// A capability named twice by one agent.
    DuplicateServe = "team-duplicate-serve",
    /// A capability that a builtin does not have.
    NotItsCapability = "team-not-its-capability",
    /// A step asks for what nobody serves.
    NotServed = "team-not-served",
    /// What is to be a JSON schema is none.
    Schema = "team-schema",
    /// A program that is not there.
    ProgramNotFound = "team-program-not-found",
    /// A server of MCP that is neither a program nor an address, or both.
    McpServer = "team-mcp-server",
    /// Tools of a server of MCP that cannot be served so.
    McpTools = "team-mcp-tools",
    /// A model whose name does not say whose it is.
    Model = "team-model",
    /// Instructions of a model that cannot be read.
    Prompt = "team-prompt",
    /// An agent that no step asks.
    UnusedAgent = "team-unused-agent",
    /// A step that does not exist.
    UnknownStep = "team-unknown-step",
    /// Steps that wait for each other.
    Cycle = "team-cycle",
    /// A name in an expression that stands for nothing.
    UnknownName = "team-unknown-name",
    /// `item` or `index` where there is no `for_each`.
    ItemOutside = "team-item-outside",
    /// An expression that cannot be read.
    Expression = "team-expression",
    /// A filter, test or function that does not exist.
    UnknownFilter = "team-unknown-filter",
    /// A `{% … %}` or `{# … #}` where only `{{ … }}` is allowed.
    Statement = "team-statement",
    /// A `for_each` over tables without a key.
    MissingKey = "team-missing-key",
    /// A `key` without `for_each`.
    KeyWithoutForEach = "team-key-without-for-each",
    /// A requirement on labels that cannot be read.
    Requirement = "team-requirement",
    /// A step that no agent of the file meets.
    NobodyFits = "team-nobody-fits",
    /// A supervisor's child that does not exist.
    UnknownChild = "team-unknown-child",
    /// Somebody with two supervisors.
    TwoSupervisors = "team-two-supervisors",
    /// Supervisors that look after each other.
    SupervisorCycle = "team-supervisor-cycle",
    /// A supervisor with the name of an agent.
    NameTaken = "team-name-taken",
    /// Something that is said and changes nothing.
    NoEffect = "team-no-effect",
    /// A text that is no subject of messages.
    BadSubject = "team-bad-subject",
    /// A secret that is none, is written where it must not be, or is given to nobody.
    Secret = "team-secret",
    /// A schedule of which it is not said when, or what.
    Schedule = "team-schedule",
    /// At run time: a value that is not there.
    Undefined = "team-undefined",
    /// At run time: an expression that does too much.
    OutOfFuel = "team-out-of-fuel",
    /// At run time: a value of another type than needed.
    WrongType = "team-wrong-type",
    /// At run time: two items with one key.
    DuplicateKey = "team-duplicate-key",
}
