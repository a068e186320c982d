//! What programs do and say: little programs that fail for real, and words of programs that aren't on every machine.

use super::End::{self, Code, Signal};

/// Rule, a part of the cause, and a program that provokes it.
pub const PROVOKED: &[(&str, &str, &str)] = &[
    ("module-missing", "'surely_not_there' isn't installed", "import surely_not_there"),
    ("module-missing", "'json.nothing' isn't installed", "import json.nothing"),
    ("import-name-missing", "'nothing' can't be imported from 'os'", "from os import nothing"),
    (
        "import-circular",
        "in a circle: a is needed",
        "open('a.py', 'w').write('from b import x\\ny = 1\\n')\nopen('b.py', 'w').write('from a import y\\nx = 1\\n')\nimport a",
    ),
    ("syntax-error", "line 2", "x = 1\ndef f(:\n    pass\n"),
    ("syntax-error", "json.py, line 1", "open('json.py', 'w').write('x = = 1')\nimport sys\nsys.path.insert(0, '.')\nimport json"),
    ("indentation-error", "isn't indented rightly: expected an indented block", "def f():\npass\n"),
    ("python-2-code", "Python 2", "print 'hello'\n"),
    ("library-missing", "library libsurely.so.3", "import ctypes\nctypes.CDLL('libsurely.so.3')"),
    (
        "architecture-of-library",
        "another kind of processor",
        "import os\nopen('x', 'wb').write(bytes(9)); os.chmod('x', 0o755); os.execv('./x', ['x'])",
    ),
    ("import-failed", "the wheel is odd", "raise ImportError('the wheel is odd')"),
    ("file-missing", "the file '/surely/not.json' isn't there", "open('/surely/not.json')"),
    ("script-missing", "not.py", "import os, sys\nos.execv(sys.executable, ['python3', 'not.py'])"),
    ("is-a-directory", "/tmp is a folder", "open('/tmp', 'w')"),
    ("not-a-directory", "as if it were a folder", "open('/dev/null/x')"),
    // Nobody may make files there, not even the administrator.
    ("permission-denied", "may not use /sys/kernel/x", "open('/sys/kernel/x', 'w')"),
    ("disk-full", "the disk is full", "open('/dev/full', 'w').write('x' * 100000)"),
    (
        "too-many-open-files",
        "more files and connections open",
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))\nx = [open('/dev/null') for _ in range(50)]",
    ),
    ("not-utf-8", "the encoding", "open('x', 'wb').write(b'\\xff\\xfe')\nopen('x', encoding='utf-8').read()"),
    ("database-file-not-opened", "SQLite database can't be opened", "import sqlite3\nsqlite3.connect('/surely/not/x.db')"),
    (
        "database-file-locked",
        "is locked by another",
        "import sqlite3\na = sqlite3.connect('x.db', isolation_level=None)\na.execute('create table t(x)')\na.execute('begin exclusive')\n\
         sqlite3.connect('x.db', timeout=0.05).execute('insert into t values (1)')",
    ),
    ("table-missing", "the table orders doesn't exist", "import sqlite3\nsqlite3.connect(':memory:').execute('select * from orders')"),
    (
        "column-missing",
        "the column price doesn't exist",
        "import sqlite3\na = sqlite3.connect(':memory:')\na.execute('create table t(x)')\na.execute('select price from t')",
    ),
    (
        "read-only-file-system",
        "reading only",
        "import sqlite3\nsqlite3.connect('x.db').execute('create table t(x)')\n\
         sqlite3.connect('file:x.db?mode=ro', uri=True).execute('insert into t values (1)')",
    ),
    (
        "dependency-refused",
        "doesn't accept connections",
        "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\nport = s.getsockname()[1]\ns.close()\nsocket.create_connection(('127.0.0.1', port))",
    ),
    ("dependency-refused", "127.0.0.1:1,", "import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', 1))"),
    ("dependency-refused", "127.0.0.1:1,", "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:1/')"),
    (
        "dependency-timed-out",
        "doesn't answer in time",
        "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\nc = socket.create_connection(s.getsockname(), timeout=0.05)\nc.recv(1)",
    ),
    (
        "connection-closed",
        "closed the connection",
        "import http.client, socket, threading\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n\
         threading.Thread(target=lambda: s.accept()[0].close()).start()\nc = http.client.HTTPConnection(*s.getsockname())\nc.request('GET', '/')\nc.getresponse()",
    ),
    ("address-not-here", "this machine doesn't have", "import socket\nsocket.socket().bind(('203.0.113.9', 8000))"),
    ("port-out-of-range", "ports are 1 to 65535", "import socket\nsocket.socket().bind(('127.0.0.1', 99999))"),
    (
        "tls-mismatch",
        "speaks TLS to a port that doesn't",
        "import socket, ssl, threading\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\n\
         threading.Thread(target=lambda: s.accept()[0].sendall(b'HTTP/1.1 400 Bad Request\\r\\n\\r\\n'), daemon=True).start()\n\
         ssl.create_default_context().wrap_socket(socket.create_connection(s.getsockname()), server_hostname='localhost')",
    ),
    (
        "python-memory",
        "no more memory",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\nx = bytearray(1 << 32)",
    ),
    ("variable-missing", "the variable ORDERS_DATABASE_URL isn't set", "import os\nurl = os.environ['ORDERS_DATABASE_URL']"),
    ("variable-not-a-number", "WORKERS should be a number and is 'many'", "import os\nworkers = int(os.environ['WORKERS'])"),
    ("json-invalid", "isn't JSON: Expecting value", "import json\njson.loads('')"),
    ("toml-invalid", "Invalid value", "import tomllib\ntomllib.loads('a = ')"),
    ("ini-invalid", "no section headers", "import configparser\nconfigparser.ConfigParser().read_string('a=1')"),
    ("arguments-unknown", "--nope", "import argparse\nargparse.ArgumentParser().parse_args(['--nope'])"),
    (
        "arguments-missing",
        "--port",
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--port', required=True)\np.parse_args([])",
    ),
    ("command-not-found", "the command surely-not", "import os\nos.execv('/bin/sh', ['sh', '-c', 'surely-not --port 1'])"),
    (
        "interpreter-missing",
        "the program surely-not",
        "import os\nopen('x', 'w').write('#!/usr/bin/env surely-not\\n')\nos.chmod('x', 0o755)\nos.execv('./x', ['x'])",
    ),
    ("exit-126", "can't be executed", "import sys\nsys.exit(126)"),
    ("exit-127", "isn't there", "import sys\nsys.exit(127)"),
    ("ended-at-once", "at once", "print('done')"),
    ("exit-code", "exited with code 3", "import sys\nprint('last words', file=sys.stderr)\nsys.exit(3)"),
    ("unhandled-error", "ZeroDivisionError: division by zero", "1 / 0"),
    ("killed", "somebody killed it", "import os\nos.kill(os.getpid(), 9)"),
    ("terminated", "asked it to end (SIGTERM)", "import os\nos.kill(os.getpid(), 15)"),
    // Whoever runs the tests may ignore it, and what they start then does too.
    ("interrupted", "SIGHUP", "import os, signal\nsignal.signal(1, signal.SIG_DFL)\nos.kill(os.getpid(), 1)"),
    ("segmentation-fault", "compiled code (SIGSEGV)", "import ctypes\nctypes.string_at(0)"),
    ("aborted", "SIGABRT", "import os\nos.abort()"),
    (
        "bus-error",
        "SIGBUS",
        "import mmap, os\nf = open('x', 'w+b')\nf.truncate(4096)\nm = mmap.mmap(f.fileno(), 4096)\nf.truncate(0)\nm[0]",
    ),
    ("illegal-instruction", "SIGILL", "import os\nos.kill(os.getpid(), 4)"),
    ("arithmetic-error", "SIGFPE", "import os\nos.kill(os.getpid(), 8)"),
    ("forbidden-system-call", "SIGSYS", "import os\nos.kill(os.getpid(), 31)"),
    ("killed-by-signal", "SIGALRM", "import os\nos.kill(os.getpid(), 14)"),
];

/// Rule, a part of the cause, how it ended, and its words. The line above them names the program and its version.
pub const SAID: &[(&str, &str, End, &str)] = &[
    // psycopg2-binary 2.9.13 and psql 15.18 against PostgreSQL 15.18.
    (
        "database-sign-in-failed",
        "refuses the user postgres",
        Code(1),
        "psycopg2.OperationalError: connection to server at \"127.0.0.1\", port 15999 failed: FATAL:  password authentication failed for user \"postgres\"\n",
    ),
    (
        "database-missing",
        "the database orders doesn't exist",
        Code(1),
        "psycopg2.OperationalError: connection to server at \"127.0.0.1\", port 15999 failed: FATAL:  database \"orders\" does not exist\n",
    ),
    (
        "database-user-missing",
        "no user orders",
        Code(2),
        "psql: error: connection to server on socket \"/srv/pg/.s.PGSQL.15999\" failed: FATAL:  role \"orders\" does not exist",
    ),
    (
        "table-missing",
        "the table orders doesn't exist",
        Code(1),
        "Traceback (most recent call last):\n  File \"<string>\", line 1, in <module>\npsycopg2.errors.UndefinedTable: relation \"orders\" does not exist\nLINE 1: select * from orders\n                      ^\n",
    ),
    (
        "dependency-refused",
        "127.0.0.1:5432 (the usual port of PostgreSQL)",
        Code(1),
        "psycopg2.OperationalError: connection to server at \"127.0.0.1\", port 5432 failed: Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n",
    ),
    (
        "name-not-found",
        "the name surely-not.invalid has no address",
        Code(1),
        "psycopg2.OperationalError: could not translate host name \"surely-not.invalid\" to address: Name or service not known\n",
    ),
    (
        "database-full-of-connections",
        "no connection left",
        Code(1),
        "psycopg2.OperationalError: connection to server at \"127.0.0.1\", port 15999 failed: FATAL:  sorry, too many clients already",
    ),
    // SQLAlchemy 2.1.9 and the Alembic of its time.
    (
        "database-url-invalid",
        "the address of its database",
        Code(1),
        "    raise exc.ArgumentError(\nsqlalchemy.exc.ArgumentError: Could not parse SQLAlchemy URL from given URL string",
    ),
    (
        "database-driver-missing",
        "begin with postgres",
        Code(1),
        "    raise exc.NoSuchModuleError(\nsqlalchemy.exc.NoSuchModuleError: Can't load plugin: sqlalchemy.dialects:postgres",
    ),
    ("migration-unknown", "don't fit the database", Code(255), "FAILED: Can't locate revision identified by '3f2a1c'"),
    // PyMySQL 1.2.4.
    (
        "dependency-refused",
        "doesn't accept connections",
        Code(1),
        "pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on '127.0.0.1' ([Errno 111] Connection refused)\")",
    ),
    // redis-py 8.1.0 against a socket that answers what Redis does.
    (
        "dependency-refused",
        "localhost:6379 (the usual port of Redis)",
        Code(1),
        "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.",
    ),
    (
        "name-not-found",
        "the name surely-not.invalid",
        Code(1),
        "redis.exceptions.ConnectionError: Error -2 connecting to surely-not.invalid:6379. Name or service not known.",
    ),
    ("redis-sign-in-failed", "Redis refuses the sign-in", Code(1), "redis.exceptions.AuthenticationError: Authentication required."),
    (
        "redis-cannot-save",
        "can't save to its disk",
        Code(1),
        "redis.exceptions.ResponseError: MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.",
    ),
    // requests 2.34.2; Python 3.11's own library.
    (
        "dependency-refused",
        "127.0.0.1:15998",
        Code(1),
        "requests.exceptions.ConnectionError: HTTPConnectionPool(host='127.0.0.1', port=15998): Max retries exceeded with url: /x (Caused by NewConnectionError(\"HTTPConnection(host='127.0.0.1', port=15998): Failed to establish a new connection: [Errno 111] Connection refused\"))",
    ),
    (
        "name-not-found",
        "surely-not.invalid",
        Code(1),
        "requests.exceptions.ConnectionError: HTTPConnectionPool(host='surely-not.invalid', port=80): Max retries exceeded with url: /x (Caused by NameResolutionError(\"HTTPConnection(host='surely-not.invalid', port=80): Failed to resolve 'surely-not.invalid' ([Errno -2] Name or service not known)\"))",
    ),
    ("name-not-found", "a name that it connects to", Code(1), "socket.gaierror: [Errno -2] Name or service not known"),
    // Python 3.11 with OpenSSL 3.0 against certificates made for it, and Node.js 20.20 against the same.
    (
        "certificate-expired",
        "has expired",
        Code(1),
        "urllib.error.URLError: <urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)>",
    ),
    (
        "certificate-not-yet-valid",
        "not yet valid",
        Code(1),
        "urllib.error.URLError: <urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate is not yet valid (_ssl.c:1006)>",
    ),
    (
        "certificate-of-another-host",
        "isn't for localhost",
        Code(1),
        "urllib.error.URLError: <urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch, certificate is not valid for 'localhost'. (_ssl.c:1006)>",
    ),
    (
        "certificate-of-another-host",
        "isn't for localhost",
        Code(1),
        "Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames: Host: localhost. is not in the cert's altnames: DNS:other.example",
    ),
    (
        "certificate-untrusted",
        "doesn't trust",
        Code(1),
        "urllib.error.URLError: <urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)>",
    ),
    (
        "certificate-untrusted",
        "doesn't trust",
        Code(1),
        "Error: unable to verify the first certificate\n  code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'\n}",
    ),
    // PyJWT 2.15.1.
    ("clock-behind", "clock is behind", Code(1), "jwt.exceptions.ImmatureSignatureError: The token is not yet valid (iat)"),
    ("token-expired", "has expired", Code(1), "jwt.exceptions.ExpiredSignatureError: Signature has expired"),
    // Python 3.11 and dash 0.5.12 in a pids control group that is full.
    ("too-many-processes", "as many processes and threads", Code(1), "RuntimeError: can't start new thread"),
    ("too-many-processes", "as many processes and threads", Code(2), "sh: 1: Cannot fork"),
    // Python 3.11 as an ordinary user; uvicorn 0.54.0 and gunicorn 27.0.1.
    (
        "port-privileged",
        "its port may only be used",
        Code(1),
        "Traceback (most recent call last):\n  File \"/srv/main.py\", line 3, in <module>\n    server.bind((\"0.0.0.0\", 443))\nPermissionError: [Errno 13] Permission denied",
    ),
    (
        "app-not-in-module",
        "the module appx has no app",
        Code(1),
        "ERROR:    Error loading ASGI app. Attribute \"app\" not found in module \"appx\".",
    ),
    ("app-module-missing", "the module nope", Code(1), "ERROR:    Error loading ASGI app. Could not import module \"nope\"."),
    (
        "app-name-invalid",
        "which application",
        Code(1),
        "ERROR:    Error loading ASGI app. Import string \"appx\" must be in format \"<module>:<attribute>\".",
    ),
    (
        "startup-failed",
        "at its start failed: TypeError: 'int' object is not callable",
        Code(3),
        "               ^^^^^^^^^^^^^^^\nTypeError: 'int' object is not callable\nERROR:    Application startup failed. Exiting.",
    ),
    ("arguments-unknown", "--nope", Code(2), "Try 'uvicorn --help' for help.\n\nError: No such option '--nope'. Did you mean '--loop'?"),
    (
        "app-not-in-module",
        "the module appx has no app",
        Code(4),
        "Failed to find attribute 'app' in 'appx'.\n[2026-11-26 04:28:46 +0000] [20387] [INFO] Worker exiting (pid: 20387)\n[2026-11-26 04:28:46 +0000] [20385] [ERROR] Shutting down: Master\n[2026-11-26 04:28:46 +0000] [20385] [ERROR] Reason: App failed to load.",
    ),
    // pydantic 2.14.4 with pydantic-settings 2.16.3.
    (
        "settings-field-missing",
        "the settings database_url, api_key aren't set",
        Code(1),
        "pydantic_core._pydantic_core.ValidationError: 2 validation errors for Settings\ndatabase_url\n  Field required [type=missing, input_value={}, input_type=dict]\n    For further information visit https://errors.pydantic.dev/2.14/v/missing\napi_key\n  Field required [type=missing, input_value={}, input_type=dict]\n    For further information visit https://errors.pydantic.dev/2.14/v/missing",
    ),
    (
        "settings-invalid",
        "Settings has values",
        Code(1),
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\nworkers\n  Input should be a valid integer, unable to parse string as an integer [type=int_parsing, input_value='many', input_type=str]",
    ),
    // Django of November 2026.
    ("django-settings", "SECRET_KEY", Code(1), "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty."),
    // PyYAML 6.0.4.
    (
        "yaml-invalid",
        "a YAML file",
        Code(1),
        "yaml.parser.ParserError: while parsing a flow sequence\n  in \"<unicode string>\", line 1, column 4:\n    a: [1\n       ^\nexpected ',' or ']', but got ':'\n  in \"<unicode string>\", line 2, column 2:\n    b: 2\n     ^",
    ),
    // pip 23.2.1.
    (
        "requirement-not-found",
        "no package requests==99.99",
        Code(1),
        "ERROR: Could not find a version that satisfies the requirement requests==99.99 (from versions: 0.2.0, 2.34.2)\nERROR: No matching distribution found for requests==99.99",
    ),
    (
        "requirements-conflict",
        "contradict each other",
        Code(1),
        "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/dependency-resolution/#dealing-with-dependency-conflicts",
    ),
    // Python 3.11.7, on code for a later one.
    (
        "python-too-old",
        "needs Python 3.12 or newer",
        Code(1),
        "ImportError: cannot import name 'override' from 'typing' (/usr/lib/python3.11/typing.py)",
    ),
    // The loader of glibc 2.36, and bash 5.2.
    (
        "library-missing",
        "libf.so isn't on this machine",
        Code(127),
        "./g: error while loading shared libraries: libf.so: cannot open shared object file: No such file or directory",
    ),
    ("architecture-of-library", "another kind of processor", Code(126), "bash: ./arm: cannot execute binary file: Exec format error"),
    // Node.js 20.20.2.
    (
        "node-module-missing",
        "nothing-here",
        Code(1),
        "node:internal/modules/cjs/loader:1210\n  throw err;\n  ^\n\nError: Cannot find module 'nothing-here'\nRequire stack:\n- /srv/index.js\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15)",
    ),
    (
        "node-module-missing",
        "nothing-here",
        Code(1),
        "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'nothing-here' imported from /srv/index.mjs",
    ),
    (
        "dependency-refused",
        "127.0.0.1:15998",
        Code(1),
        "Error: connect ECONNREFUSED 127.0.0.1:15998\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)\nEmitted 'error' event on Socket instance at:\n    at emitErrorNT (node:internal/streams/destroy:169:8) {\n  errno: -111,\n  code: 'ECONNREFUSED',\n  syscall: 'connect',\n  address: '127.0.0.1',\n  port: 15998\n}\n\nNode.js v20.20.2",
    ),
    (
        "name-not-found",
        "surely-not.invalid",
        Code(1),
        "Error: getaddrinfo ENOTFOUND surely-not.invalid\n    at GetAddrInfoReqWrap.onlookupall [as oncomplete] (node:dns:122:26)",
    ),
    (
        "address-not-here",
        "203.0.113.9:80",
        Code(1),
        "Error: listen EADDRNOTAVAIL: address not available 203.0.113.9:80\n    at Server.setupListenHandle [as _listen2] (node:net:1908:21)",
    ),
    (
        "node-heap-full",
        "than its heap may have",
        Signal(6),
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----\n\n 1: 0xb78db3 node::OOMErrorHandler(char const*, v8::OOMDetails const&) [node]",
    ),
    (
        "node-variable-undefined",
        "reads 'y' of something",
        Code(1),
        "[eval]:1\nprocess.env.X.y\n              ^\n\nTypeError: Cannot read properties of undefined (reading 'y')\n    at [eval]:1:15",
    ),
    // OpenJDK 17.0.15.
    (
        "java-heap-full",
        "Java heap space",
        Code(1),
        "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space\n\tat Oom.main(Oom.java:1)",
    ),
    (
        "class-missing",
        "Java doesn't find Nope",
        Code(1),
        "Error: Could not find or load main class Nope\nCaused by: java.lang.ClassNotFoundException: Nope",
    ),
    ("class-missing", "nope.jar", Code(1), "Error: Unable to access jarfile nope.jar"),
    (
        "name-not-found",
        "surely-not.invalid",
        Code(1),
        "Exception in thread \"main\" java.net.UnknownHostException: surely-not.invalid\n\tat java.base/sun.nio.ch.NioSocketImpl.connect(NioSocketImpl.java:572)",
    ),
    // Rust.
    ("panicked", "a.rs:1:144", Code(101), "thread 'main' (9765) panicked at a.rs:1:144:\nno port"),
    ("memory-refused", "no more memory", Signal(6), "memory allocation of 70368744177664 bytes failed"),
    // Docker's client 28.2.2 without a daemon.
    (
        "docker-not-running",
        "Docker doesn't run",
        Code(125),
        "docker: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n\nRun 'docker run --help' for more information",
    ),
    // psycopg2-binary 2.9.13, Django and pymongo 4.20.1 once more.
    (
        "database-socket-missing",
        "isn't running on this machine",
        Code(1),
        "psycopg2.OperationalError: connection to server on socket \"/srv/pg/.s.PGSQL.15999\" failed: No such file or directory\n\tIs the server running locally and accepting connections on that socket?\n",
    ),
    (
        "database-sign-in-failed",
        "refuses the user postgres",
        Code(1),
        "psycopg2.OperationalError: connection to server at \"127.0.0.1\", port 15999 failed: FATAL:  no pg_hba.conf entry for host \"127.0.0.1\", user \"postgres\", database \"postgres\", no encryption\n",
    ),
    (
        "column-missing",
        "the column price doesn't exist",
        Code(1),
        "psycopg2.errors.UndefinedColumn: column \"price\" does not exist\nLINE 1: select price from pg_class\n               ^\n",
    ),
    (
        "django-settings",
        "Requested setting DEBUG",
        Code(1),
        "django.core.exceptions.ImproperlyConfigured: Requested setting DEBUG, but settings are not configured. You must either define the environment variable DJANGO_SETTINGS_MODULE or call settings.configure() before accessing settings.",
    ),
    (
        "dependency-refused",
        "127.0.0.1:15998",
        Code(1),
        "pymongo.errors.ServerSelectionTimeoutError: 127.0.0.1:15998: [Errno 111] Connection refused (configured timeouts: socketTimeoutMS: 20000.0ms, connectTimeoutMS: 20000.0ms), Timeout: 0.3s",
    ),
    // Not provoked, for the program or its server isn't at hand: as their sources and documentation have them.
    (
        "port-privileged",
        "port 80 may only be used by an administrator",
        Code(1),
        "ERROR:    [Errno 13] error while attempting to bind on address ('127.0.0.1', 80): permission denied",
    ),
    (
        "graphics-memory-full",
        "graphics card is full",
        Code(1),
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
    ),
    (
        "database-forbidden",
        "may not use the table orders",
        Code(1),
        "psycopg2.errors.InsufficientPrivilege: permission denied for table orders",
    ),
    (
        "database-starting",
        "took no connections yet",
        Code(1),
        "psycopg2.OperationalError: connection to server at \"127.0.0.1\", port 5432 failed: FATAL:  the database system is starting up",
    ),
    (
        "database-sign-in-failed",
        "refuses the user shop",
        Code(1),
        "pymysql.err.OperationalError: (1045, \"Access denied for user 'shop'@'localhost' (using password: YES)\")",
    ),
    ("redis-is-replica", "only reads", Code(1), "redis.exceptions.ReadOnlyError: READONLY You can't write against a read only replica."),
    (
        "certificate-not-verified",
        "can't be verified",
        Code(1),
        "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unsuitable certificate purpose (_ssl.c:1006)",
    ),
    ("secret-too-short", "the secret", Code(1), "Error: secretOrPrivateKey must have a value"),
    ("python-version", "another version of Python", Code(1), "ERROR: Package 'q' requires a different Python: 3.11.7 not in '>=3.99'"),
    (
        "requirement-not-built",
        "psycopg2 has to be compiled here",
        Code(1),
        "  error: subprocess-exited-with-error\nnote: This error originates from a subprocess, and is likely not a problem with pip.\n  ERROR: Failed building wheel for psycopg2",
    ),
    ("python-too-new", "no more since 3.12", Code(1), "ModuleNotFoundError: No module named 'distutils'"),
    ("python-too-old", "needs Python 3.11 or newer", Code(1), "ModuleNotFoundError: No module named 'tomllib'"),
    (
        "library-too-old",
        "GLIBC_2.38",
        Code(1),
        "./app: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by ./app)",
    ),
    (
        "binary-incompatible",
        "compiled package",
        Code(1),
        "ValueError: numpy.dtype size changed, may indicate binary incompatibility. Expected 96 from C header, got 88 from PyObject",
    ),
    (
        "panicked",
        "runtime error: index out of range",
        Code(2),
        "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:",
    ),
    ("network-unreachable", "no way", Code(1), "dial tcp 10.9.9.9:80: connect: network is unreachable"),
    ("dependency-refused", "10.0.0.7:8080", Code(1), "dial tcp 10.0.0.7:8080: connect: connection refused"),
    (
        "image-missing",
        "the container image nothing",
        Code(125),
        "Unable to find image 'nothing:here' locally\ndocker: Error response from daemon: pull access denied for nothing, repository does not exist or may require 'docker login': denied: requested access to the resource is denied.",
    ),
];

/// Rule, a part of the cause, and why the start failed, as Pilothouse says it.
pub const STARTS: &[(&str, &str, &str)] = &[
    (
        "user-missing",
        "the user shop that it shall run as isn't on this machine",
        "it can't be run as the user 'shop': the user 'shop' isn't in /etc/passwd; make it, or name another one",
    ),
    (
        "user-may-not-enter",
        "the user shop that it runs as may not enter its folder /srv/a b",
        "the user 'shop' may not enter the folder /srv/a b; give it the right to (chmod o+x, chown), from the first folder of its path on",
    ),
    (
        "user-may-not-read",
        "may not read what is in its folder /srv/orders",
        "'/srv/orders' can't be run from: the folder may not be read by the user that the service runs as",
    ),
    (
        "user-may-not-run",
        "the user shop that it runs as may not run /opt/serve",
        "the user 'shop' may not run the program '/opt/serve'; give it the right to (chmod, chown)",
    ),
    (
        "user-without-home",
        "the home of the user nobody, /nonexistent, can't take",
        "its requirements need a virtual environment, and the home of the user 'nobody' (/nonexistent) can't take one: Permission denied (os error \
         13). Make that home, or an environment in its folder: .venv",
    ),
    (
        "users-not-changed",
        "it can't be run as the user shop",
        "it can't be run as the user 'shop': Pilothouse runs as the user 'ops', and only root may run services as other users: run Pilothouse as \
         root, or leave it out",
    ),
    (
        "program-missing",
        "/bin/nope isn't on this machine",
        "the program '/bin/nope', or the interpreter that it names, was not found; install it or change the command",
    ),
    ("program-not-executable", "main.sh may not be executed", "the program './main.sh' may not be executed; check its permissions"),
    ("architecture", "another kind of processor", "the program './arm' could not be started: Exec format error (os error 8)"),
    (
        "python-missing",
        "Python isn't on this machine",
        "there is no python3 on this machine's PATH; install it (Debian, Ubuntu: apt install python3 python3-venv)",
    ),
    (
        "venv-module-missing",
        "virtual environments",
        "Python 3.11.2 has no module venv, which its requirements need; install it (Debian, Ubuntu: apt install python3-venv or python3.11-venv), or make an environment in its folder: .venv",
    ),
    (
        "venv-writable-by-others",
        "/srv/a/.venv",
        "others may write to '/srv/a/.venv', so they could change what runs; run: chmod go-w '/srv/a/.venv'",
    ),
    ("venv-failed", "virtual environment", "making a virtual environment failed (exit code 1): Error: no space"),
    ("folder-missing", "/srv/a", "'/srv/a' can't be run from: the folder isn't there"),
    ("folder-missing", "/srv/a", "the folder /srv/a is not there; restore it or change the service"),
    ("nothing-to-run", "how to run it", "nothing in '/srv/a' says how to run it: it has neither main.py nor app.py"),
    ("requirements-failed", "couldn't be installed", "installing 2 requirements failed (exit code 1): ERROR: something else"),
    (
        "port-needs-administrator",
        "port 80",
        "port 80 may only be used by an administrator of the machine; stop that, or give the service another port",
    ),
    // Docker 20.10.24.
    (
        "image-not-pulled",
        "nginx:1.27 isn't there",
        "the image 'nginx:1.27' can't be pulled: Get \"https://registry.example/v2/\": dial tcp: lookup registry.example on 10.255.255.53:53: no such host",
    ),
    (
        "dockerfile-wrong",
        "followed: line 1: unknown instruction: FRUM",
        "the image can't be built: dockerfile parse error line 1: unknown instruction: FRUM",
    ),
    (
        "dockerfile-wrong",
        "requires BuildKit",
        "the image can't be built at step 2 of 2, RUN --mount=type=cache,target=/x true: the --mount option requires BuildKit. Refer to the documentation",
    ),
    (
        "image-step-failed",
        "step 2 of 4, RUN pip install -r requirements.txt",
        "the image can't be built at step 2 of 4, RUN pip install -r requirements.txt: The command '/bin/sh -c pip install -r requirements.txt' returned a non-zero code: 1",
    ),
    (
        "image-step-failed",
        "step 3 of 4, RUN make (builder)",
        "the image can't be built at step 3 of 4, RUN make (builder): executor failed running [/bin/sh -c make]: exit code: 2",
    ),
    (
        "dockerfile-wrong",
        "requires BuildKit",
        "the image can't be built at step 2 of 2, RUN --mount=type=cache,target=/x true: the --mount option requires BuildKit. Refer to the documentation; this Docker Engine, or \"builder\": \"classic\" of the service, builds without it",
    ),
    (
        "image-step-failed",
        "COPY failed: file not found",
        "the image can't be built at step 2 of 2, COPY nothere /x: COPY failed: file not found in build context or excluded by .dockerignore: stat nothere: file does not exist",
    ),
    (
        "image-not-built",
        "'a.bin' in it can't be read",
        "the image can't be built: 'a.bin' in it can't be read (Permission denied (os error 13)); let Pilothouse read it, or name it in the .dockerignore",
    ),
    (
        "container-port-taken",
        "127.0.0.1:9911",
        "it can't be started: driver failed programming external connectivity on endpoint dd (c86fecd4): Bind for 127.0.0.1:9911 failed: port is already allocated",
    ),
    (
        "container-port-taken",
        "127.0.0.1:9912",
        "it can't be started: driver failed programming external connectivity on endpoint ee (3768dfa0): Error starting userland proxy: listen tcp4 127.0.0.1:9912: bind: address already in use",
    ),
    (
        "container-program-missing",
        "no program nosuch",
        "it can't be started: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH: unknown",
    ),
    (
        "container-program-missing",
        "no program /no/such/program",
        "it can't be started: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/no/such/program\": stat /no/such/program: no such file or directory: unknown",
    ),
    (
        "container-program-not-executable",
        "/tmp in its image",
        "it can't be started: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"/tmp\": permission denied: unknown",
    ),
    (
        "container-missing",
        "no container web",
        "there is no container 'web'; make it as it was made before (docker compose up), or delete the service",
    ),
    ("docker-silent", "Docker doesn't answer", "Docker hasn't answered within 5 s; is it hung?"),
    ("not-started", "its output can't be captured", "its output can't be captured: no such device"),
];

/// Rule, a part of the cause, the port, what it listens on, and what the check found.
type Probed = (&'static str, &'static str, Option<u16>, &'static [u16], &'static str);

/// Checks that failed.
pub const PROBES: &[Probed] = &[
    ("listens-on-another-port", "port 8001 and listens on 9000", Some(8001), &[9000], "TCP 8001: connection refused"),
    ("listens-on-no-port", "no port; it was told 8001", Some(8001), &[], "TCP 8001: connection refused"),
    ("listens-on-another-address", "not on 127.0.0.1", Some(8001), &[8001], "TCP 8001: connection refused"),
    ("probe-timed-out", "doesn't answer /health in time", Some(8001), &[8001], "GET /health: no answer within 5 s"),
    ("probe-not-found", "it has no /up: it answers 404", Some(8001), &[8001], "GET /up: 404"),
    ("probe-forbidden", "wants a sign-in for /health: it answers 401", Some(8001), &[8001], "GET /health: 401"),
    ("probe-unavailable", "isn't ready: /health answers 503", Some(8001), &[8001], "GET /health: 503"),
    ("probe-server-error", "/health answers 500", Some(8001), &[8001], "GET /health: 500"),
    ("probe-server-error", "/health answers 500", Some(8001), &[], "GET /health: 500"),
    ("probe-client-error", "/health answers 422", Some(8001), &[8001], "GET /health: 422"),
    ("probe-not-http", "isn't HTTP", Some(8001), &[8001], "GET /health: the answer is not HTTP"),
    ("probe-closed", "closes it without an answer", Some(8001), &[8001], "GET /health: the connection was closed without an answer"),
    ("probe-too-large", "/health answers is too large", Some(8001), &[8001], "GET /health: the answer is larger than 4 MiB"),
    ("probe-refused", "takes no connections", None, &[], "TCP 8001: connection refused"),
    (
        "probe-own-check",
        "the check that its image brings along fails",
        Some(8001),
        &[8001],
        "The check of its image fails: curl: (7) Failed to connect to localhost port 80",
    ),
    ("probe-failed", "health check fails", Some(8001), &[8001], "GET /health: something else"),
    ("probe-tcp-timed-out", "no connection on port 5432 in time", Some(5432), &[5432], "TCP 5432: no connection within 5 s"),
    (
        "probe-nobody-behind-port",
        "forwards port 5432 to it, but nothing",
        Some(5432),
        &[5432],
        "TCP 5432: the connection was closed without an answer",
    ),
    (
        "check-command-missing",
        "program of 'pg_isready' isn't there",
        None,
        &[],
        "Command pg_isready: the program 'pg_isready' was not found",
    ),
    (
        "check-command-missing",
        "program of 'check.sh' isn't there",
        None,
        &[],
        "Command check.sh: the program './check.sh', or the interpreter that it names, was not found",
    ),
    ("check-command-not-executable", "may not be executed", None, &[], "Command check.sh: the program './check.sh' may not be executed"),
    ("check-command-timed-out", "'python check.py', takes too long", Some(8001), &[9000], "Command python check.py: not done within 5 s"),
    ("check-command-killed", "ended by signal 11", None, &[], "Command check: ended by signal 11: no answer within 3 s"),
    // What it says itself is not taken for what Pilothouse has found.
    (
        "check-command-failed",
        "'pg_isready', says that it isn't well: exit code 2",
        Some(8001),
        &[],
        "Command pg_isready: exit code 2: /tmp:5432 - connection refused, the program 'x' was not found",
    ),
    (
        "check-command-not-run",
        "can't be run: others may write to '/srv/x'",
        None,
        &[],
        "Command python check.py: it can't be run: others may write to '/srv/x', so they could change what runs",
    ),
];
