//! Settings as people write them in services with FastAPI.

use serde_json::{Value, json};

use super::{names, property, read};
use crate::configuration::schema::{Validator, is_secret};

/// Of the usual full-stack template: a validator that splits origins, computed addresses, an environment file above.
const TEMPLATE: &str = r#"
import secrets
import warnings
from typing import Annotated, Any, Literal

from pydantic import (
    AnyUrl,
    BeforeValidator,
    EmailStr,
    HttpUrl,
    PostgresDsn,
    computed_field,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from typing_extensions import Self


def parse_cors(v: Any) -> list[str] | str:
    if isinstance(v, str) and not v.startswith("["):
        return [i.strip() for i in v.split(",") if i.strip()]
    elif isinstance(v, list | str):
        return v
    raise ValueError(v)


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        # Use top level .env file (one level above ./backend/)
        env_file="../.env",
        env_ignore_empty=True,
        extra="ignore",
    )
    API_V1_STR: str = "/api/v1"
    SECRET_KEY: str = secrets.token_urlsafe(32)
    # 60 minutes * 24 hours * 8 days = 8 days
    ACCESS_TOKEN_EXPIRE_MINUTES: int = 60 * 24 * 8
    FRONTEND_HOST: str = "http://localhost:5173"
    ENVIRONMENT: Literal["local", "staging", "production"] = "local"

    BACKEND_CORS_ORIGINS: Annotated[
        list[AnyUrl] | str, BeforeValidator(parse_cors)
    ] = []

    @computed_field  # type: ignore[prop-decorator]
    @property
    def all_cors_origins(self) -> list[str]:
        return [str(origin).rstrip("/") for origin in self.BACKEND_CORS_ORIGINS] + [
            self.FRONTEND_HOST
        ]

    PROJECT_NAME: str
    SENTRY_DSN: HttpUrl | None = None
    POSTGRES_SERVER: str
    POSTGRES_PORT: int = 5432
    POSTGRES_USER: str
    POSTGRES_PASSWORD: str = ""
    POSTGRES_DB: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def SQLALCHEMY_DATABASE_URI(self) -> PostgresDsn:
        return MultiHostUrl.build(
            scheme="postgresql+psycopg",
            username=self.POSTGRES_USER,
        )

    SMTP_TLS: bool = True
    SMTP_PORT: int = 587
    SMTP_HOST: str | None = None
    EMAILS_FROM_EMAIL: EmailStr | None = None

    @model_validator(mode="after")
    def _set_default_emails_from(self) -> Self:
        if not self.EMAILS_FROM_NAME:
            self.EMAILS_FROM_NAME = self.PROJECT_NAME
        return self

    def _check_default_secret(self, var_name: str, value: str | None) -> None:
        if value == "changethis":
            message = (
                f'The value of {var_name} is "changethis", '
                "for security, please change it, at least for deployments."
            )
            warnings.warn(message, stacklevel=1)


settings = Settings()  # type: ignore
"#;

#[test]
fn the_full_stack_template() {
    let inferred = read(&[
        ("app/core/config.py", TEMPLATE),
        (
            ".env",
            "# Domain\nDOMAIN=localhost\nENVIRONMENT=local\n\nPROJECT_NAME=\"Full Stack FastAPI Project\"\n# Backend\nBACKEND_CORS_ORIGINS=\"http://localhost,http://localhost:5173\"\nSECRET_KEY=changethis\nSMTP_TLS=True\nSMTP_PORT=\nPOSTGRES_SERVER=localhost\nPOSTGRES_PORT=5432\nPOSTGRES_USER=postgres\nPOSTGRES_PASSWORD=changethis\n",
        ),
    ]);
    assert_eq!(
        names(&inferred),
        [
            "API_V1_STR",
            "SECRET_KEY",
            "ACCESS_TOKEN_EXPIRE_MINUTES",
            "FRONTEND_HOST",
            "ENVIRONMENT",
            "BACKEND_CORS_ORIGINS",
            "PROJECT_NAME",
            "SENTRY_DSN",
            "POSTGRES_SERVER",
            "POSTGRES_PORT",
            "POSTGRES_USER",
            "POSTGRES_PASSWORD",
            "POSTGRES_DB",
            "SMTP_TLS",
            "SMTP_PORT",
            "SMTP_HOST",
            "EMAILS_FROM_EMAIL",
            "DOMAIN",
        ]
    );
    assert_eq!(inferred.schema["required"], json!(["PROJECT_NAME", "POSTGRES_SERVER", "POSTGRES_USER"]));
    assert_eq!(property(&inferred, "ACCESS_TOKEN_EXPIRE_MINUTES"), json!({"type": "integer", "default": 11520}));
    assert_eq!(property(&inferred, "BACKEND_CORS_ORIGINS"), json!({"default": []}));
    for (pointer, expected) in
        [("/SECRET_KEY", true), ("/POSTGRES_PASSWORD", true), ("/ACCESS_TOKEN_EXPIRE_MINUTES", false), ("/PROJECT_NAME", false)]
    {
        assert_eq!(is_secret(&inferred.schema, pointer), expected, "{pointer}");
    }
    assert_eq!((&inferred.values["SMTP_TLS"], &inferred.values["POSTGRES_PORT"]), (&json!(true), &json!(5432)));
    let faults = Validator::new(&inferred.schema).expect("a schema").faults(&Value::Object(inferred.values));
    assert_eq!(faults, []);
}

/// In parts: one class for each thing, with its prefix, put together in one that is cached.
const PARTS: &str = r#"
from functools import lru_cache
from pathlib import Path

from pydantic import Field, RedisDsn, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parent.parent
DEFAULT_TIMEOUT = 30


class Common(BaseSettings):
    model_config = SettingsConfigDict(env_file=BASE_DIR / ".env", env_file_encoding="utf-8", extra="ignore")


class DatabaseSettings(Common):
    """How the database is reached."""

    model_config = SettingsConfigDict(env_prefix="DB_")

    host: str = Field(default="localhost", description="Host of the server")
    port: int = Field(default=5432, ge=1, le=65535)
    user: str
    password: SecretStr
    pool_size: int = 5  # connections that stay open
    echo: bool = False

    @property
    def dsn(self) -> str:
        return f"postgresql+asyncpg://{self.user}:{self.password.get_secret_value()}@{self.host}:{self.port}"


class CacheSettings(Common):
    model_config = SettingsConfigDict(env_prefix="CACHE_")

    url: RedisDsn = RedisDsn("redis://localhost:6379/0")
    ttl: float = DEFAULT_TIMEOUT
    """Seconds until an entry
    is forgotten."""


class Settings(Common):
    debug: bool = False
    log_level: str = Field("INFO", pattern=r"^(DEBUG|INFO|WARNING|ERROR)$")
    data_dir: Path = BASE_DIR / "data"
    allowed_hosts: list[str] = Field(default_factory=lambda: ["localhost"])
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    cache: CacheSettings = CacheSettings()

    @field_validator("log_level", mode="after")
    @classmethod
    def upper(cls, value: str) -> str:
        return value.upper()


@lru_cache
def get_settings() -> Settings:
    return Settings()
"#;

#[test]
fn settings_in_parts_with_prefixes() {
    let inferred = read(&[("app/settings.py", PARTS), (".env", "DB_USER=app\nDB_PASSWORD=p\nDEBUG=1\nLOG_LEVEL=TRACE\nDB_PORT=0\n")]);
    assert_eq!(
        names(&inferred),
        [
            "DB_HOST",
            "DB_PORT",
            "DB_USER",
            "DB_PASSWORD",
            "DB_POOL_SIZE",
            "DB_ECHO",
            "CACHE_URL",
            "CACHE_TTL",
            "DEBUG",
            "LOG_LEVEL",
            "DATA_DIR",
            "ALLOWED_HOSTS"
        ]
    );
    assert_eq!(inferred.schema["required"], json!(["DB_USER", "DB_PASSWORD"]));
    assert_eq!(inferred.schema["description"], "How the database is reached.");
    for (name, expected) in [
        ("DB_HOST", json!({"type": "string", "description": "Host of the server", "default": "localhost"})),
        ("DB_POOL_SIZE", json!({"type": "integer", "description": "connections that stay open", "default": 5})),
        ("CACHE_URL", json!({"type": "string", "format": "uri", "default": "redis://localhost:6379/0"})),
        ("CACHE_TTL", json!({"type": "number", "description": "Seconds until an entry is forgotten.", "default": 30})),
        ("DATA_DIR", json!({"type": "string", "format": "path"})),
        ("ALLOWED_HOSTS", json!({"type": "array", "items": {"type": "string"}})),
    ] {
        assert_eq!(property(&inferred, name), expected, "{name}");
    }
    let faults = Validator::new(&inferred.schema).expect("a schema").faults(&Value::Object(inferred.values));
    let said: Vec<_> = faults.iter().map(|fault| (fault.field.as_str(), fault.message.as_str())).collect();
    assert_eq!(said, [("/DB_PORT", "is at least 1"), ("/LOG_LEVEL", "doesn't match ^(DEBUG|INFO|WARNING|ERROR)$")]);
}

/// Of pydantic 1.
const OLD: &str = r#"
import os
from enum import Enum
from typing import Any, Dict, List, Optional, Union

from pydantic import AnyHttpUrl, BaseSettings, PostgresDsn, validator


class Environment(str, Enum):
    development = "development"
    production = "production"


class Settings(BaseSettings):
    app_name: str = "Awesome API"
    environment: Environment = Environment.development
    debug = False
    admin_email: str
    items_per_user: int = 50
    cors: List[AnyHttpUrl] = []
    stripe_key: Optional[str] = None
    redis_host: str = os.environ.get("REDIS_HOST", "localhost")
    database_url: Optional[PostgresDsn] = None
    github_token: str = Field(..., env="GH_TOKEN")

    @validator("cors", pre=True)
    def assemble_cors_origins(cls, v: Union[str, List[str]]) -> Union[List[str], str]:
        return v

    class Config:
        env_prefix = "my_"
        case_sensitive = False
        env_file = ".env"


settings = Settings()
"#;

#[test]
fn settings_of_pydantic_1() {
    let inferred = read(&[("main.py", OLD), (".env.example", "# Who is told\nMY_ADMIN_EMAIL=admin@example.com\n")]);
    assert_eq!(inferred.schema["required"], json!(["MY_ADMIN_EMAIL", "GH_TOKEN"]));
    for (name, expected) in [
        ("MY_ENVIRONMENT", json!({"type": "string", "enum": ["development", "production"], "default": "development"})),
        ("MY_DEBUG", json!({"type": "boolean", "default": false})),
        ("MY_ADMIN_EMAIL", json!({"type": "string", "description": "Who is told", "examples": ["admin@example.com"]})),
        ("MY_CORS", json!({"default": []})),
        ("MY_STRIPE_KEY", json!({"type": "string", "writeOnly": true, "format": "password"})),
        ("MY_DATABASE_URL", json!({"type": "string", "format": "uri"})),
        ("MY_REDIS_HOST", json!({"type": "string"})),
        ("GH_TOKEN", json!({"type": "string", "writeOnly": true, "format": "password"})),
    ] {
        assert_eq!(property(&inferred, name), expected, "{name}");
    }
}

/// With models in one another and variables for their fields.
const NESTED: &str = r#"
from __future__ import annotations

import logging
from datetime import timedelta
from enum import StrEnum, auto
from typing import Annotated

from annotated_types import Ge, Le
from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Port = Annotated[int, Ge(1), Le(65535)]
logger = logging.getLogger(__name__)


class Level(StrEnum):
    DEBUG = auto()
    INFO = auto()


class Server(BaseModel):
    host: str = "127.0.0.1"
    port: Port = 8000


class Oidc(BaseModel):
    issuer: str
    client_id: str
    client_secret: SecretStr
    scopes: list[str] = ["openid"]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="SHOP__",
        env_nested_delimiter="__",
        frozen=True,
    )

    server: Server = Server()
    oidc: Oidc | None = None
    level: Level = Level.INFO
    session: timedelta = timedelta(hours=8)
    features: dict[str, bool] = Field(default_factory=dict, description="What is switched on")
"#;

#[test]
fn settings_with_models_in_them() {
    let inferred =
        read(&[("src/shop/config.py", NESTED), (".env", "SHOP__SERVER__PORT=70000\nSHOP__FEATURES={\"new\": true}\nSHOP__LEVEL=info\n")]);
    assert_eq!(
        names(&inferred),
        [
            "SHOP__SERVER__HOST",
            "SHOP__SERVER__PORT",
            "SHOP__OIDC__ISSUER",
            "SHOP__OIDC__CLIENT_ID",
            "SHOP__OIDC__CLIENT_SECRET",
            "SHOP__OIDC__SCOPES",
            "SHOP__LEVEL",
            "SHOP__SESSION",
            "SHOP__FEATURES",
        ]
    );
    assert_eq!(inferred.schema.get("required"), None);
    assert_eq!(property(&inferred, "SHOP__LEVEL"), json!({"type": "string", "enum": ["debug", "info"], "default": "info"}));
    assert_eq!(
        property(&inferred, "SHOP__FEATURES"),
        json!({"type": "object", "additionalProperties": {"type": "boolean"}, "default": {}, "description": "What is switched on"})
    );
    assert!(is_secret(&inferred.schema, "/SHOP__OIDC__CLIENT_SECRET"));
    assert_eq!(inferred.values["SHOP__FEATURES"], json!({"new": true}));
    let faults = Validator::new(&inferred.schema).expect("a schema").faults(&Value::Object(inferred.values));
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!((faults[0].field.as_str(), faults[0].message.as_str()), ("/SHOP__SERVER__PORT", "is at most 65535"));
}
