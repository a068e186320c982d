import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Page } from '@playwright/test';

import { violations } from '../axe.ts';
import { expect, open, row, test } from '../fixtures.ts';
import { type Pilothouse } from '../pilothouse.ts';

// The browser notes each refusal on its console. axe puts styles of its own into the page, which the page's policy rightly refuses.
test.use({ expectedErrors: [/status of 422/], bypassCSP: true });

const WHOLE = 120_000;

/** A service that says `word`. */
const says = (word: string) => `import http.server
import os


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"${word}")


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`;

interface Repository {
  url: string;
  /** Commits that the service says that; answers the commit's id. */
  say: (word: string) => Promise<string>;
  git: (...args: string[]) => string;
}

/** Git's own server with a repository; it ends with the test. */
async function withRepository(use: (repository: Repository) => Promise<void>) {
  const root = await mkdtemp(join(tmpdir(), 'pilothouse-repositories-'));
  const folder = join(root, 'shop');
  await mkdir(folder);
  const names = ['-c', 'user.name=Ann Other', '-c', 'user.email=ann@example.org', '-c', 'commit.gpgsign=false'];
  const git = (...args: string[]) => execFileSync('git', [...names, ...args], { cwd: folder, encoding: 'utf8' }).trim();
  const say = async (word: string) => {
    await writeFile(join(folder, 'main.py'), says(word));
    git('add', '--all');
    git('commit', '--quiet', '--message', `Say ${word}`);
    return git('rev-parse', 'HEAD');
  };
  git('init', '--quiet', '--initial-branch=main');
  await say('one');
  const script = join(import.meta.dirname, '../../server/engine/src/deployments/tests/git_server.py');
  const server: ChildProcess = spawn('python3', [script, root, 'no-token'], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [port] = (await once(server.stdout!, 'data')) as [Buffer];
    await use({ url: `http://127.0.0.1:${port.toString().trim()}/shop/.git`, say, git });
  } finally {
    server.kill();
    await rm(root, { recursive: true, force: true });
  }
}

const where = (page: Page) => page.getByRole('region', { name: 'Where it is', exact: true }).locator('.state-mark');

/** Makes a service of the repository on the page of new ones, and has it deployed at once. */
async function make(page: Page, name: string, url: string, branch: string) {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByText('Or a Git repository').click();
  await page.getByLabel('Git repository', { exact: true }).fill(url);
  await page.getByLabel('Branch or tag').fill(branch);
  await page.getByLabel('Start it at once').check();
}

async function remove(pilothouse: Pilothouse, name: string) {
  const { id } = await pilothouse.running(name);
  await pilothouse.stopped(name);
  await pilothouse.call('DELETE', `/api/services/${id}`);
}

test('a service is made of a Git repository, and its newest commit is deployed', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(3 * WHOLE);
  await withRepository(async ({ url, say, git }) => {
    git('branch', 'old');
    await signIn('admin');
    await open(page, '/services/new');
    await make(page, 'from-git', 'git@git.example:shop/orders', 'main');
    await page.getByRole('button', { name: 'Make service' }).click();
    await expect(page.getByRole('alert').first()).toContainText('SSH takes a private key');
    await page.getByLabel('Git repository', { exact: true }).fill(url);
    await page.getByRole('button', { name: 'Show the plan' }).click();
    await expect(page.getByRole('status').filter({ hasText: 'its first deployment fetches' })).toContainText('main of http://127.0.0.1');
    await page.getByRole('button', { name: 'Make service' }).click();
    await expect(page).toHaveURL(/\/deployments\/[0-9a-f-]{36}$/);
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    await expect(page.getByRole('main')).toContainText('Say one by Ann Other');
    const { id } = await pilothouse.running('from-git');
    expect(await (await pilothouse.ask('from-git', '/'))?.text()).toBe('one');

    const two = await say('two');
    await open(page, `/services/${id}/deployments`);
    await page.getByRole('button', { name: 'Show plan' }).click();
    await expect(page.getByRole('main')).toContainText(`main is ${two}`);
    await page.getByRole('button', { name: 'Deploy now' }).click();
    await expect(page).toHaveURL(/\/deployments\/[0-9a-f-]{36}$/);
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    expect(await (await pilothouse.ask('from-git', '/'))?.text()).toBe('two');
    await open(page, `/services/${id}/deployments`);
    await expect(row(page, 'Release 2').first()).toContainText('main: Say two (Ann Other)');
    await expect(row(page, 'Release 2').first()).toContainText(two.slice(0, 7));
    expect(await violations(page)).toEqual([]);

    // Another branch, once for all.
    await page.getByLabel('Branch, tag or commit').fill('old');
    await page.getByRole('button', { name: 'Show plan' }).click();
    await page.getByRole('button', { name: 'Deploy now' }).click();
    await expect(page).toHaveURL(/\/deployments\/[0-9a-f-]{36}$/);
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    expect(await (await pilothouse.ask('from-git', '/'))?.text()).toBe('one');
    await open(page, `/services/${id}/settings`);
    await expect(page.getByLabel('Branch or tag')).toHaveValue('old');
    await remove(pilothouse, 'from-git');
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a service of a Git repository is made, deployed and set to another branch', async ({ page, pilothouse, signIn }) => {
    test.setTimeout(2 * WHOLE);
    await withRepository(async ({ url }) => {
      await signIn('admin');
      await page.goto('/services/new');
      await make(page, 'from-git-plain', url, 'main');
      await page.getByRole('button', { name: 'Make service' }).click();
      await expect(page).toHaveURL(/\/deployments\/[0-9a-f-]{36}/);
      await expect.poll(async () => (await pilothouse.service('from-git-plain')).status, { timeout: WHOLE }).toBe('running');
      const { id } = await pilothouse.running('from-git-plain');
      await page.goto(`/services/${id}/settings`);
      await page.getByLabel('Branch or tag').fill('-x');
      await page.getByRole('button', { name: 'Save' }).first().click();
      await expect(page.getByRole('alert').first()).toContainText('named as Git names it');
      await page.getByLabel('Branch or tag').fill('feature/x');
      await page.getByRole('button', { name: 'Save' }).first().click();
      await expect(page.getByRole('main')).toContainText('Saved.');
      await expect(page.getByLabel('Branch or tag')).toHaveValue('feature/x');
      await remove(pilothouse, 'from-git-plain');
    });
  });
});
