// A Pilothouse of its own for tests: on a free port, with copies of real services and a data folder that goes away.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export type Role = 'admin' | 'developer' | 'viewer';

/** Every user of the tests has this password; the names are those of the roles. */
export const PASSWORD = 'correct horse battery staple';

export interface Service {
  id: string;
  name: string;
  status: string;
  health_status: string;
  status_reason: string | null;
  port: number | null;
  started_at: string | null;
}

export class Pilothouse {
  private token = '';

  private constructor(
    readonly url: string,
    /** The link that makes the first user, when there is none. */
    readonly setUpLink: string | undefined,
    private readonly folder: string,
    private readonly program: ChildProcess,
    private readonly said: string[],
  ) {}

  /** Starts one with services, and makes a user for each role. */
  static async start(): Promise<Pilothouse> {
    const folder = await mkdtemp(join(tmpdir(), 'pilothouse-end2end-'));
    const services = join(folder, 'services');
    await cp(new URL('services', import.meta.url).pathname, services, { recursive: true });
    await chmod(services, 0o755);
    const pilothouse = await Pilothouse.serve(folder, { PILOTHOUSE_SERVICES_DIR: services, PILOTHOUSE_ADMIN_PASSWORD: PASSWORD });
    for (const role of ['developer', 'viewer'] satisfies Role[]) {
      await pilothouse.call('POST', '/api/users', { username: role, password: PASSWORD, role });
    }
    await pilothouse.until('has found its services', async () => (await pilothouse.services()).length === 3);
    return pilothouse;
  }

  /** Starts one as somebody does who has just installed it: without a user, without a service. */
  static async fresh(): Promise<Pilothouse> {
    return Pilothouse.serve(await mkdtemp(join(tmpdir(), 'pilothouse-end2end-')), {});
  }

  private static async serve(folder: string, settings: Record<string, string>): Promise<Pilothouse> {
    const program = spawn(process.env.PILOTHOUSE_PROGRAM ?? '../target/debug/pilothouse', ['serve'], {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        ...packageIndex(),
        PILOTHOUSE_LISTEN: '127.0.0.1:0',
        PILOTHOUSE_DATA_DIR: join(folder, 'data'),
        PILOTHOUSE_RATE_LIMIT: '0',
        PILOTHOUSE_LOGIN_LIMIT: '0',
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said: string[] = [];
    program.stderr.on('data', (text) => said.push(String(text)));
    const isSetUp = settings.PILOTHOUSE_ADMIN_PASSWORD !== undefined;
    const [url, setUpLink] = await new Promise<[string, string | undefined]>((resolve, reject) => {
      let text = '';
      program.stdout.on('data', (more) => {
        text += more;
        const url = /listens on (http:\/\/\S+)/.exec(text)?.[1];
        const link = /first user within .*: (http:\/\/\S+)/.exec(text)?.[1];
        if (url && (isSetUp || link)) resolve([url, link]);
      });
      program.on('exit', (code) => reject(new Error(`pilothouse ended with ${code}: ${said.join('')}`)));
      program.on('error', reject);
    });
    const pilothouse = new Pilothouse(url, setUpLink, folder, program, said);
    await pilothouse.until('answers', async () => (await fetch(`${url}${isSetUp ? '/readyz' : '/healthz'}`)).ok);
    return pilothouse;
  }

  /** Stops its services, ends it, and removes its folder. Returns what it logged. */
  async end(): Promise<string> {
    // What is unknown has no runtime here that could run it.
    const services = this.setUpLink ? [] : (await this.services()).filter(({ status }) => status !== 'unknown');
    for (const service of services) await this.stopped(service.name);
    this.program.kill('SIGTERM');
    if (this.program.exitCode === null) await once(this.program, 'exit');
    await rm(this.folder, { recursive: true, force: true });
    return this.said.join('');
  }

  /** Makes a service and deletes it, so that it can be put back. */
  async deleted(name: string): Promise<void> {
    const source = { command: ['sleep', '1000'], working_dir: '/tmp' };
    const { id } = await this.call<{ id: string }>('POST', '/api/services', { name, source, health: { kind: 'none' } });
    await this.call('DELETE', `/api/services/${id}`);
  }

  /** Calls the REST API as the admin. */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const send = () =>
      fetch(this.url + path, {
        method,
        headers: { authorization: `Bearer ${this.token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    let answer = await send();
    if (answer.status === 401) {
      const login = await fetch(`${this.url}/api/auth/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ username: 'admin', password: PASSWORD }),
      });
      if (!login.ok) throw new Error(`can't sign in: ${login.status} ${await login.text()}`);
      this.token = ((await login.json()) as { access_token: string }).access_token;
      answer = await send();
    }
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    const text = await answer.text();
    return (text ? JSON.parse(text) : undefined) as T;
  }

  async services(): Promise<Service[]> {
    return (await this.call<{ items: Service[] }>('GET', '/api/services')).items;
  }

  async service(name: string): Promise<Service> {
    const found = (await this.services()).find((service) => service.name === name);
    if (!found) throw new Error(`there is no service ${name}`);
    return found;
  }

  /** Starts a service unless it runs, and waits until it is healthy. */
  async running(name: string): Promise<Service> {
    const { id, status } = await this.service(name);
    if (status !== 'running') await this.call('POST', `/api/services/${id}/start`);
    await this.until(`sees ${name} healthy`, async () => (await this.service(name)).health_status === 'healthy');
    return this.service(name);
  }

  /** Stops a service unless it is stopped, and waits until it is. */
  async stopped(name: string): Promise<Service> {
    const { id, status } = await this.service(name);
    // One in error may be about to start again.
    if (status === 'stopped') return this.service(name);
    await this.call('POST', `/api/services/${id}/stop`);
    await this.until(`sees ${name} stopped`, async () => (await this.service(name)).status === 'stopped');
    return this.service(name);
  }

  /** Sends a request to a service itself, as its users do. */
  async ask(name: string, path: string, init?: RequestInit): Promise<Response> {
    const { port } = await this.service(name);
    return fetch(`http://127.0.0.1:${port}${path}`, init);
  }

  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 60_000;
    while (!(await holds().catch(() => false))) {
      if (Date.now() > deadline) throw new Error(`it took too long until Pilothouse ${what}; it says: ${this.said.join('')}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

/** What pip on this machine needs to reach its package index. */
function packageIndex(): Record<string, string> {
  const known = Object.entries(process.env).filter(([name]) => /^(pip_|https?_proxy$|no_proxy$|ssl_cert_|requests_ca_)/i.test(name));
  return Object.fromEntries(known) as Record<string, string>;
}
