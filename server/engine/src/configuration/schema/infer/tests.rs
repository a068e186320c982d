use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use super::{Inferred, SchemaSource, read_folder};
use crate::configuration::schema::{Validator, is_secret};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("its rights");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder is made");
        fs::write(path, text).expect("a file is written");
    }
    root
}

fn read(files: &[(&str, &str)]) -> Inferred {
    let root = folder(files);
    let inferred = read_folder(root.path()).expect("a folder that is read");
    Validator::new(&inferred.schema).expect("a schema that is taken");
    inferred
}

fn of(source: &str) -> Inferred {
    read(&[("config.py", source)])
}

/// The property `name` without its place.
fn property(inferred: &Inferred, name: &str) -> Value {
    let mut property = inferred.schema["properties"][name].clone();
    if let Some(own) = property.as_object_mut() {
        own.remove("x-order").unwrap_or_else(|| panic!("{name} has no place"));
    }
    property
}

/// The properties in the order of the sources.
fn names(inferred: &Inferred) -> Vec<String> {
    let mut all: Vec<(u64, String)> = inferred.schema["properties"]
        .as_object()
        .expect("properties")
        .iter()
        .map(|(name, property)| (property["x-order"].as_u64().expect("a place"), name.clone()))
        .collect();
    all.sort();
    all.into_iter().map(|(_, name)| name).collect()
}

#[test]
fn each_type_is_what_pydantic_takes() {
    for (field, expected, is_required) in [
        ("x: str", json!({"type": "string"}), true),
        ("x: str = 'a'", json!({"type": "string", "default": "a"}), false),
        ("x: int = 8_000", json!({"type": "integer", "default": 8000}), false),
        ("x: float = .5", json!({"type": "number"}), false),
        ("x: float = 1", json!({"type": "number", "default": 1}), false),
        ("x: bool = False", json!({"type": "boolean", "default": false}), false),
        ("x: SecretStr", json!({"type": "string", "writeOnly": true, "format": "password"}), true),
        ("x: SecretStr = SecretStr('changeme')", json!({"type": "string", "writeOnly": true, "format": "password"}), false),
        ("x: pydantic.SecretBytes", json!({"type": "string", "writeOnly": true, "format": "password"}), true),
        ("x: HttpUrl = 'https://example.com'", json!({"type": "string", "format": "uri", "default": "https://example.com"}), false),
        ("x: PostgresDsn", json!({"type": "string", "format": "uri"}), true),
        (
            "x: RedisDsn = RedisDsn('redis://cache:6379/0')",
            json!({"type": "string", "format": "uri", "default": "redis://cache:6379/0"}),
            false,
        ),
        ("x: RedisDsn = RedisDsn('redis://:pw@cache:6379/0')", json!({"type": "string", "format": "uri", "writeOnly": true}), false),
        ("x: EmailStr", json!({"type": "string", "format": "email"}), true),
        ("x: Path = Path('/data')", json!({"type": "string", "format": "path", "default": "/data"}), false),
        ("x: datetime.date", json!({"type": "string", "format": "date"}), true),
        ("x: timedelta = timedelta(hours=1)", json!({"type": "string", "format": "duration"}), false),
        ("x: Literal['a', 'b'] = 'a'", json!({"type": "string", "enum": ["a", "b"], "default": "a"}), false),
        ("x: Literal[1, 2]", json!({"type": "integer", "enum": [1, 2]}), true),
        ("x: Optional[int] = None", json!({"type": "integer"}), false),
        ("x: int | None = None", json!({"type": "integer"}), false),
        ("x: Union[int, None]", json!({"type": "integer"}), true),
        ("x: int | str = 1", json!({"anyOf": [{"type": "integer"}, {"type": "string"}], "default": 1}), false),
        ("x: int | Something", json!({}), true),
        ("x: 'int | None' = 3", json!({"type": "integer", "default": 3}), false),
        ("x: list[str] = ['*']", json!({"type": "array", "items": {"type": "string"}, "default": ["*"]}), false),
        ("x: List[HttpUrl] = []", json!({"type": "array", "items": {"type": "string", "format": "uri"}, "default": []}), false),
        ("x: list[str] = Field(default_factory=list)", json!({"type": "array", "items": {"type": "string"}, "default": []}), false),
        ("x: set[int]", json!({"type": "array", "items": {"type": "integer"}}), true),
        ("x: tuple[int, ...]", json!({"type": "array", "items": {"type": "integer"}}), true),
        (
            "x: tuple[int, str]",
            json!({"type": "array", "minItems": 2, "maxItems": 2, "prefixItems": [{"type": "integer"}, {"type": "string"}]}),
            true,
        ),
        ("x: dict[str, int] = {}", json!({"type": "object", "additionalProperties": {"type": "integer"}, "default": {}}), false),
        ("x: dict", json!({"type": "object"}), true),
        ("x: Something", json!({}), true),
        ("x: Any = None", json!({}), false),
        ("x: int = Field(8000, ge=1, le=65535)", json!({"type": "integer", "minimum": 1, "maximum": 65535, "default": 8000}), false),
        ("x: int = Field(..., gt=0, lt=10)", json!({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10}), true),
        ("x: int = Field(gt=0)", json!({"type": "integer", "exclusiveMinimum": 0}), true),
        ("x: float = Field(default=0.5, ge=0, le=1.5)", json!({"type": "number", "minimum": 0, "maximum": 1.5, "default": 0.5}), false),
        (
            "x: str = Field('a', min_length=1, max_length=9, pattern='^[a-z]+$')",
            json!({"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^[a-z]+$", "default": "a"}),
            false,
        ),
        (
            "x: str = Field(title='T', description='What\\n it is', examples=['a', 'b'])",
            json!({"type": "string", "title": "T", "description": "What\n it is", "examples": ["a", "b"]}),
            true,
        ),
        (
            "x: Annotated[int, Field(ge=1, description='D')] = 2",
            json!({"type": "integer", "minimum": 1, "description": "D", "default": 2}),
            false,
        ),
        ("x: Annotated[int, Ge(1), annotated_types.Le(5)]", json!({"type": "integer", "minimum": 1, "maximum": 5}), true),
        ("x: conint(ge=1) = 3", json!({"type": "integer", "minimum": 1, "default": 3}), false),
        ("x: constr(min_length=3)", json!({"type": "string", "minLength": 3}), true),
        ("x: PositiveInt = 1", json!({"type": "integer", "exclusiveMinimum": 0, "default": 1}), false),
        (
            "x: int = 60 * 24 * 8  # a week and a day",
            json!({"type": "integer", "description": "a week and a day", "default": 11520}),
            false,
        ),
        ("x: int = 1  # noqa: E501", json!({"type": "integer", "default": 1}), false),
        ("x: int = 1\n    \"\"\"What it\n    is.\"\"\"", json!({"type": "integer", "description": "What it is.", "default": 1}), false),
        ("x: str = f'{HOST}:1'", json!({"type": "string"}), false),
        ("x: str = os.getenv('X', 'a')", json!({"type": "string"}), false),
        ("x: str = NAME", json!({"type": "string", "default": "of the module"}), false),
        ("x: Port = 80", json!({"type": "integer", "minimum": 1, "default": 80}), false),
        ("x: Level = Level.LOW", json!({"type": "string", "enum": ["low", "high"], "default": "low"}), false),
        ("x: Number", json!({"type": "integer", "enum": [1, 2]}), true),
        ("x: Annotated[list[str], NoDecode] = ['a']", json!({"default": ["a"]}), false),
        ("x: Annotated[list[str] | str, BeforeValidator(parse)] = []", json!({"default": []}), false),
        ("x = 5", json!({"type": "integer", "default": 5}), false),
    ] {
        let source = format!(
            "from enum import Enum, IntEnum\nNAME = 'of the module'\nPort = Annotated[int, Field(ge=1)]\nclass Level(str, Enum):\n    LOW = 'low'\n    HIGH = 'high'\nclass Number(IntEnum):\n    A = 1\n    B = 2\nclass S(BaseSettings):\n    {field}\n"
        );
        let inferred = of(&source);
        assert_eq!(property(&inferred, "X"), expected, "{field}");
        assert_eq!(inferred.schema.get("required").is_some(), is_required, "{field}");
        assert_eq!(inferred.source, SchemaSource::Inferred);
    }
}

#[test]
fn names_are_those_of_the_environment() {
    for (class, name) in [
        ("class S(BaseSettings):\n    port: int", "PORT"),
        ("class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='APP_')\n    port: int", "APP_PORT"),
        ("class S(BaseSettings):\n    port: int\n    model_config = {'env_prefix': 'app_'}", "APP_PORT"),
        (
            "class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='App_', case_sensitive=True)\n    port: int",
            "App_port",
        ),
        ("class S(BaseSettings):\n    port: int\n    class Config:\n        env_prefix = 'OLD_'\n        env_file = '.env'", "OLD_PORT"),
        ("class S(BaseSettings, env_prefix='KW_'):\n    port: int", "KW_PORT"),
        (
            "class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='APP_')\n    port: int = Field(alias='the_port')",
            "THE_PORT",
        ),
        ("class S(BaseSettings):\n    port: int = Field(validation_alias=AliasChoices('HTTP_PORT', 'PORT'))", "HTTP_PORT"),
        ("class S(BaseSettings):\n    port: int = Field(..., env='OLD_PORT')", "OLD_PORT"),
        ("class S(BaseSettings):\n    port: Annotated[int, Field(alias='IN_PORT')] = 3", "IN_PORT"),
        ("class Base(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='B_')\nclass S(Base):\n    port: int", "B_PORT"),
        ("from pydantic_settings import BaseSettings as Root\nclass S(Root):\n    port: int", "PORT"),
        ("import pydantic_settings\nclass S(pydantic_settings.BaseSettings): port: int = 1", "PORT"),
        ("PREFIX = 'C_'\nclass S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix=PREFIX)\n    port: int", "C_PORT"),
        ("def make():\n    class S(BaseSettings):\n        port: int\n    return S()", "PORT"),
    ] {
        // What nothing else has in it isn't looked at.
        assert_eq!(names(&of(&format!("# BaseSettings\n{class}\n"))), [name], "{class}");
    }
    for source in [
        "class S(BaseModel):\n    port: int",
        "class S:\n    port: int # BaseSettings",
        "# class S(BaseSettings):\n#    port: int",
        "'''\nclass S(BaseSettings):\n    port: int\n'''",
    ] {
        assert_eq!(of(source).source, SchemaSource::None, "{source}");
    }
}

#[test]
fn what_is_no_setting_is_left_out() {
    let inferred = of(
        "class S(BaseSettings):\n    \"\"\"Of the service.\n\n    More.\"\"\"\n    model_config = SettingsConfigDict()\n    KEEP: ClassVar[int] = 1\n    _private: int = 2\n    port: int = 3\n\n    @property\n    def url(self) -> str:\n        local: int = 4\n        return ''\n\n    @field_validator('port')\n    @classmethod\n    def check(cls, v): return v\n",
    );
    assert_eq!(names(&inferred), ["PORT"]);
    assert_eq!(inferred.schema["description"], "Of the service.");
    assert_eq!(property(&inferred, "PORT"), json!({"type": "integer", "default": 3}));
}

#[test]
fn what_a_validator_changes_before_is_not_held_to_its_type() {
    let inferred = of(
        "class S(BaseSettings):\n    origins: list[str] = []\n    hosts: list[str] = []\n    token: SecretStr\n\n    @field_validator('origins', mode='before')\n    def a(cls, v): return v.split(',')\n    @validator('token', pre=True)\n    def b(cls, v): return v\n    @field_validator('hosts', mode='after')\n    def c(cls, v): return v\n",
    );
    assert_eq!(property(&inferred, "ORIGINS"), json!({"default": []}));
    assert_eq!(property(&inferred, "HOSTS")["type"], "array");
    assert_eq!(property(&inferred, "TOKEN"), json!({"writeOnly": true, "format": "password"}));
    let inferred = of(
        "class S(BaseSettings):\n    dsn: str\n    @model_validator(mode='before')\n    @classmethod\n    def fill(cls, values): return values\n",
    );
    assert_eq!(inferred.schema.get("required"), None);
}

#[test]
fn models_become_objects_and_with_a_delimiter_variables_of_their_own() {
    let source = "class Pool(BaseModel):\n    size: int = Field(5, ge=1)\nclass Database(BaseModel):\n    '''Where data is.'''\n    host: str\n    password: SecretStr\n    pool: Pool = Pool()\n    replicas: list['Database'] = []\nclass Unused(BaseModel):\n    x: int\nclass S(BaseSettings):\n    CONFIG\n    db: Database\n    all: dict[str, Pool] = {}\n";
    let inferred = of(&source.replace("CONFIG", "pass"));
    assert_eq!(property(&inferred, "DB"), json!({"$ref": "#/$defs/Database"}));
    assert_eq!(inferred.schema["required"], json!(["DB"]));
    assert_eq!(inferred.schema["$defs"]["Database"]["required"], json!(["host", "password"]));
    assert_eq!(inferred.schema["$defs"]["Database"]["description"], "Where data is.");
    assert_eq!(inferred.schema["$defs"].as_object().expect("definitions").len(), 2);
    assert!(is_secret(&inferred.schema, "/DB/password") && is_secret(&inferred.schema, "/DB/replicas/0/password"));
    let faults =
        Validator::new(&inferred.schema).expect("a schema").faults(&json!({"DB": {"host": "x", "password": "y", "pool": {"size": 0}}}));
    assert_eq!((faults.len(), faults[0].field.as_str(), faults[0].message.as_str()), (1, "/DB/pool/size", "is at least 1"));

    let inferred = of(&source.replace("CONFIG", "model_config = SettingsConfigDict(env_prefix='app_', env_nested_delimiter='__')"));
    assert_eq!(names(&inferred), ["APP_DB__HOST", "APP_DB__PASSWORD", "APP_DB__POOL__SIZE", "APP_DB__REPLICAS", "APP_ALL"]);
    assert_eq!(inferred.schema.get("required"), None);
    assert!(is_secret(&inferred.schema, "/APP_DB__PASSWORD"));
}

#[test]
fn classes_of_several_files_are_put_together() {
    let inferred = read(&[
        (
            "app/core/config.py",
            "class S(BaseSettings):\n    port: int = 1\n    name: str\n    db: Db\nclass Db(BaseModel):\n    host: str\n",
        ),
        ("settings.py", "class S(BaseSettings):\n    first: int = 1\n    port: str = 'a'\n"),
        ("worker/config.py", "class Db(BaseModel):\n    port: int\nclass W(BaseSettings):\n    queue: Db\n"),
        ("tests/test_x.py", "class S(BaseSettings):\n    of_tests: int\n"),
        ("a/b/c/d.py", "class S(BaseSettings):\n    too_deep: int\n"),
    ]);
    assert_eq!(names(&inferred), ["FIRST", "PORT", "NAME", "DB", "QUEUE"]);
    assert_eq!(property(&inferred, "PORT"), json!({"default": "a"}));
    assert_eq!(property(&inferred, "QUEUE"), json!({"$ref": "#/$defs/Db-2"}));
    assert_eq!(inferred.schema["$defs"]["Db-2"]["required"], json!(["port"]));
}

#[test]
fn settings_in_settings_are_read_by_their_own_class() {
    let inferred = of(
        "class Db(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='DB_')\n    host: str = 'x'\nclass S(BaseSettings):\n    db: Db = Field(default_factory=Db)\n    other: Db = Db()\n    port: int = 1\n",
    );
    assert_eq!(names(&inferred), ["DB_HOST", "PORT"]);
}

#[test]
fn examples_of_environment_files_describe_their_variables() {
    let inferred = read(&[(
        ".env.example",
        "# ---- Database ----\n# Where orders are kept.\nDATABASE_URL=postgres://app:changeme@localhost/app\n\n# far away\n\n# OLD=1\nWORKERS=4 # processes\nAPI_KEY=abc\nEMPTY=\nPLAIN_URL=http://localhost\n",
    )]);
    assert_eq!(
        property(&inferred, "DATABASE_URL"),
        json!({"type": "string", "description": "Where orders are kept.", "writeOnly": true, "format": "password"})
    );
    assert_eq!(property(&inferred, "WORKERS"), json!({"type": "string", "examples": ["4"]}));
    assert_eq!(property(&inferred, "API_KEY"), json!({"type": "string", "writeOnly": true, "format": "password"}));
    assert_eq!(property(&inferred, "EMPTY"), json!({"type": "string"}));
    assert_eq!(property(&inferred, "PLAIN_URL"), json!({"type": "string", "examples": ["http://localhost"]}));
    assert!(inferred.values.is_empty() && inferred.schema.get("required").is_none());
    assert!(!inferred.schema.to_string().contains("changeme"));
}

#[test]
fn values_of_the_environment_file_have_the_types_of_the_schema() {
    let inferred = read(&[
        (
            "config.py",
            "class S(BaseSettings):\n    port: int = 8000\n    debug: bool = False\n    ratio: float = 1\n    origins: list[str] = []\n    limits: dict[str, int] = {}\n    level: Literal['a', '1'] = 'a'\n    token: str\n    cert: str = Field('x', validation_alias=AliasChoices('CERT', 'TLS_CERT'))\n",
        ),
        (
            ".env",
            "port=9000\nDEBUG=yes\nRATIO=0.25\nORIGINS=[\"http://a\", \"http://b\"]\nLIMITS='{\"a\": 1}'\nLEVEL=1\nTOKEN=abc\nOTHER=5\nTLS_CERT=y\nMAIL=smtp://me:hunter2@mail\n",
        ),
    ]);
    assert_eq!(
        Value::Object(inferred.values.clone()),
        json!({"PORT": 9000, "DEBUG": true, "RATIO": 0.25, "ORIGINS": ["http://a", "http://b"], "LIMITS": {"a": 1}, "LEVEL": "1", "TOKEN": "abc", "OTHER": "5", "CERT": "y", "MAIL": "smtp://me:hunter2@mail"})
    );
    assert_eq!(Validator::new(&inferred.schema).expect("a schema").faults(&Value::Object(inferred.values.clone())), []);
    assert!(is_secret(&inferred.schema, "/TOKEN") && is_secret(&inferred.schema, "/MAIL") && !is_secret(&inferred.schema, "/OTHER"));
    assert_eq!(property(&inferred, "OTHER"), json!({"type": "string"}));
    assert!(!inferred.schema.to_string().contains("hunter2"));
}

#[test]
fn a_schema_file_is_taken_as_it_is_but_for_secrets() {
    let schema = json!({"type": "object", "properties": {"PORT": {"type": "integer"}, "TOKEN": {"type": "string"}, "PAGE_TOKEN": {"type": "string", "writeOnly": false}}, "required": ["PORT"]});
    let inferred = read(&[
        ("schema.json", &schema.to_string()),
        ("config.py", "class S(BaseSettings):\n    other: int\n"),
        (".env", "PORT=1\nTOKEN=t\nAPI_KEY=k\nELSE=e\n"),
    ]);
    assert_eq!(inferred.source, SchemaSource::File);
    let secret = json!({"type": "string", "writeOnly": true, "format": "password"});
    let mut expected = schema.clone();
    expected["properties"]["TOKEN"] = secret.clone();
    expected["properties"]["API_KEY"] = secret;
    assert_eq!(inferred.schema, expected);
    assert_eq!(Value::Object(inferred.values), json!({"PORT": 1, "TOKEN": "t", "API_KEY": "k", "ELSE": "e"}));

    let closed = json!({"additionalProperties": false, "properties": {"PORT": {}}});
    assert_eq!(read(&[("schema.json", &closed.to_string()), (".env", "API_KEY=k")]).schema, closed);

    for (text, reason) in [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ("{\"type\": \"string\"}", "no schema of an object"),
        ("{\"type\": \"object\", \"$ref\": \"#\"}", "without end"),
        ("{\"$schema\": \"http://json-schema.org/draft-04/schema#\", \"type\": \"object\"}", "draft"),
    ] {
        let inferred = read(&[("schema.json", text), ("config.py", "class S(BaseSettings):\n    port: int\n")]);
        assert_eq!((inferred.source, names(&inferred)), (SchemaSource::Inferred, vec!["PORT".to_owned()]), "{text}");
        assert!(inferred.notes[0].contains(reason), "{text}: {:?}", inferred.notes);
    }
    let large = format!("{{\"type\": \"object\", \"description\": \"{}\"}}", "x".repeat(300_000));
    assert!(read(&[("schema.json", &large)]).notes[0].contains("262144"));
}

#[test]
fn a_folder_that_says_nothing_has_an_empty_schema() {
    let inferred = read(&[("main.py", "print()")]);
    assert_eq!((inferred.source, inferred.schema["properties"].clone(), inferred.values.len()), (SchemaSource::None, json!({}), 0));
    assert!(read_folder(std::path::Path::new("/nowhere/at/all")).is_err());
}

#[path = "hostile_tests.rs"]
mod hostile;
#[path = "project_tests.rs"]
mod projects;
