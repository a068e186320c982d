import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Page } from '@playwright/test';

import { violations } from '../axe.ts';
import { expect, open, row, test } from '../fixtures.ts';
import { type Pilothouse } from '../pilothouse.ts';

// The browser notes each refusal on its console. axe puts styles of its own into the page, which the page's policy rightly refuses.
test.use({ expectedErrors: [/status of (409|422)/], bypassCSP: true });

/** Preparing an environment takes longest. */
const WHOLE = 180_000;

/** A service that says `word`, in a time beside which what a busy machine adds is little: releases are compared by it. */
const says = (word: string) => `"""Greeter: says a word."""

from asyncio import sleep

from fastapi import FastAPI

app = FastAPI(title="Greeter", version="1.0.0")


@app.get("/health")
async def health() -> dict[str, str]:
    await sleep(0.1)
    return {"status": "ok", "word": "${word}"}
`;

/** A port of this machine that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Own {
  id: string;
  /** Makes it say something else. */
  write: (word: string) => Promise<void>;
}

/** Makes a service of a folder of its own and runs it; both go away together. */
async function withService(pilothouse: Pilothouse, name: string, proxyPort: number | undefined, use: (own: Own) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), 'pilothouse-proxy-'));
  const write = (word: string) => writeFile(join(folder, 'main.py'), says(word));
  await writeFile(join(folder, 'requirements.txt'), 'fastapi>=0.115,<1\nuvicorn>=0.30,<1\n');
  await write('one');
  const proxy = proxyPort === undefined ? {} : { proxy_port: proxyPort };
  const { id } = await pilothouse.call<{ id: string }>('POST', '/api/services', { name, source: { folder }, health: { interval_seconds: 2 }, ...proxy });
  await pilothouse.running(name);
  await use({ id, write });
  await pilothouse.stopped(name);
  await pilothouse.call('DELETE', `/api/services/${id}`);
  await pilothouse.until('removes its proxy', async () => (await pilothouse.services()).every((other) => !other.name.startsWith(`${name}-`)));
  await rm(folder, { recursive: true, force: true });
}

/** Asks the service at its proxy again and again, a few times side by side, until it is told to stop. */
function visitors(port: number) {
  const seen = { answers: 0, failures: [] as string[], words: [] as string[] };
  let goesOn = true;
  const visitor = async () => {
    while (goesOn) {
      try {
        const answer = await fetch(`http://127.0.0.1:${port}/health`);
        const text = await answer.text();
        if (!answer.ok) throw new Error(`${answer.status} ${text}`);
        const { word } = JSON.parse(text) as { word: string };
        if (!seen.words.includes(word)) seen.words.push(word);
        seen.answers += 1;
      } catch (error) {
        seen.failures.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const all = Promise.all([visitor(), visitor(), visitor()]);
  const stop = async () => {
    goesOn = false;
    await all;
    return seen;
  };
  return { seen, stop };
}

/** What the proxy answers. */
async function word(port: number): Promise<string | undefined> {
  const answer = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
  return answer?.ok ? ((await answer.json()) as { word: string }).word : undefined;
}

const tab = (id: string, name: string) => `/services/${id}/${name}`;

const panel = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

const where = (page: Page) => panel(page, 'Where it is').locator('.state-mark');

const requests = (page: Page) => panel(page, 'Table of requests');

/** Plans a deployment of that strategy on the tab and makes it; its page is open then. */
async function deploy(page: Page, why: string, strategy: string, fill: () => Promise<void> = async () => {}) {
  await page.getByLabel('Why', { exact: true }).fill(why);
  await page.getByText('How it is deployed', { exact: true }).click();
  await page.getByLabel('Strategy').selectOption(strategy);
  await fill();
  await page.getByRole('button', { name: 'Show plan' }).click();
  await page.getByRole('button', { name: 'Deploy now' }).click();
  await expect(page).toHaveURL(/\/deployments\/[0-9a-f-]{36}$/);
}

test('a proxy is set, two releases run side by side, and nobody who asks is turned away', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(4 * WHOLE);
  const name = 'greeter-proxied';
  await withService(pilothouse, name, undefined, async ({ id, write }) => {
    const port = await freePort();
    await signIn('developer');
    await open(page, tab(id, 'deployments'));
    await page.getByText('How it is deployed', { exact: true }).click();
    const hint = panel(page, 'Deploy').getByText('two releases can run side by side');
    await expect(hint).toBeVisible();
    await hint.getByRole('link', { name: 'settings' }).click();
    const field = page.getByLabel('Proxy port');
    await field.fill(String(port));
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByRole('main')).toContainText('Saved.');
    await expect.poll(() => word(port), { message: 'the proxy answers', timeout: 60_000 }).toBe('one');

    // What goes with it is a service that isn't changed by itself.
    await open(page, `/services/${id}`);
    await page.getByRole('link', { name: `127.0.0.1:${port}` }).click();
    await page.getByRole('link', { name: `${name}-proxy`, exact: true }).click();
    await expect(page.getByRole('heading', { name: `${name}-proxy`, level: 1 })).toBeVisible();
    const tabs = page.getByRole('navigation', { name: 'Service', exact: true });
    for (const [label, text] of [
      ['Settings', "can't be changed or deleted by itself"],
      ['Deployments', "can't be deployed by itself"],
      ['Configuration', "can't be configured by itself"],
    ] as const) {
      await tabs.getByRole('link', { name: label }).click();
      await expect(page.getByRole('main')).toContainText(text);
    }
    await tabs.getByRole('link', { name: 'Overview' }).click();
    expect.soft(await violations(page), 'the proxy').toEqual([]);
    await page.getByRole('main').locator('dd').getByRole('link', { name, exact: true }).click();
    await expect(page.getByRole('heading', { name, level: 1 })).toBeVisible();

    const visits = visitors(port);
    await open(page, tab(id, 'deployments'));
    await deploy(page, 'the first one', 'blue_green');
    await expect(requests(page)).toBeVisible({ timeout: WHOLE });
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    await write('two');
    await open(page, tab(id, 'deployments'));
    await deploy(page, 'another word', 'blue_green');
    await expect(requests(page).getByRole('row').last()).toContainText('100 of 100', { timeout: WHOLE });
    expect.soft(await violations(page), 'while it is under way').toEqual([]);
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    await expect(row(page, '100 of 100')).toContainText('Not judged');
    expect.soft(await violations(page), 'when it has succeeded').toEqual([]);
    await expect.poll(() => word(port)).toBe('two');
    // A restart makes nobody fail either: who asks waits.
    await pilothouse.call('POST', `/api/services/${id}/restart`);
    await pilothouse.until(`sees ${name} running again`, async () => {
      const now = await pilothouse.service(name);
      return now.status === 'running' && now.health_status === 'healthy';
    });
    await expect.poll(() => word(port)).toBe('two');
    const { answers, failures, words } = await visits.stop();
    expect(failures, `of ${answers} requests`).toEqual([]);
    expect(answers).toBeGreaterThan(100);
    expect(words).toEqual(['one', 'two']);
    await expect.poll(async () => (await pilothouse.services()).map((one) => one.name), 'the copy is gone').not.toContain(`${name}-next`);

    // Without a port there is no proxy.
    await open(page, tab(id, 'settings'));
    await expect(field).toHaveValue(String(port));
    await field.fill('');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByRole('main')).toContainText('Saved.');
    await expect.poll(() => word(port), { timeout: 30_000 }).toBe(undefined);
    await expect.poll(async () => (await pilothouse.services()).map((one) => one.name)).not.toContain(`${name}-proxy`);
  });
});

test('a canary gets more requests step by step, and is taken back when it is cancelled', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(4 * WHOLE);
  const port = await freePort();
  await withService(pilothouse, 'greeter-canary', port, async ({ id, write }) => {
    await signIn('developer');
    const visits = visitors(port);
    await open(page, tab(id, 'deployments'));
    await page.getByText('How it is deployed', { exact: true }).click();
    await page.getByLabel('Strategy').selectOption('canary');
    await page.getByLabel('Steps, of 100 requests').fill('50, 20');
    await page.getByRole('button', { name: 'Show plan' }).click();
    await expect(panel(page, 'Deploy')).toContainText('each greater than the one before');
    await open(page, tab(id, 'deployments'));
    const steps = (text: string, seconds: number) => async () => {
      await page.getByLabel('Steps, of 100 requests').fill(text);
      await page.getByLabel('Seconds of each step').fill(String(seconds));
      await page.getByLabel('Least requests of a step').fill('5');
    };
    await deploy(page, 'the first one', 'canary', steps('20, 60', 5));
    await expect(row(page, '20 of 100')).toContainText('Under way', { timeout: WHOLE });
    await expect(row(page, '60 of 100')).toContainText('Waiting');
    await expect(row(page, '20 of 100'), 'in place, without a reload').toContainText('Not worse', { timeout: 60_000 });
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    await expect(row(page, '60 of 100')).toContainText(/\d+ → \d+/);

    await write('two');
    await open(page, tab(id, 'deployments'));
    await deploy(page, 'it takes too long', 'canary', steps('20, 60', 600));
    await expect(row(page, '20 of 100')).toContainText('Under way', { timeout: WHOLE });
    // The copy is a service as long as it runs.
    const copy = await pilothouse.service('greeter-canary-next');
    const deployment = page.url();
    await open(page, `/services/${copy.id}`);
    await expect(page.getByRole('main')).toContainText('20 of 100 requests');
    await open(page, deployment);
    await page.getByText('Cancel this deployment…').click();
    await page.getByRole('button', { name: 'Cancel it now' }).click();
    await expect(where(page)).toHaveText('Cancelled', { timeout: WHOLE });
    await expect(row(page, '60 of 100')).toContainText('Not begun');
    await expect.poll(() => word(port)).toBe('one');
    await expect.poll(async () => (await pilothouse.services()).map((one) => one.name)).not.toContain('greeter-canary-next');
    expect((await visits.stop()).failures).toEqual([]);

    await page.setViewportSize({ width: 390, height: 844 });
    for (const path of [deployment, tab(id, 'deployments'), tab(id, 'settings')]) {
      await open(page, path);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      expect.soft(await page.evaluate(() => document.documentElement.scrollWidth), `${path} fits a phone`).toBeLessThanOrEqual(390);
    }
    await signIn('viewer');
    await open(page, deployment);
    await expect(row(page, '20 of 100')).toBeVisible();
    await expect(page.getByRole('link', { name: 'Deploy again…' })).toHaveCount(0);
  });
});

for (const theme of ['dark', 'light'] as const) {
  test.describe(`the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test(`the form of a service with a proxy has no fault that axe finds (${theme})`, async ({ page, pilothouse, signIn }) => {
      test.setTimeout(2 * WHOLE);
      await withService(pilothouse, `greeter-proxied-${theme}`, await freePort(), async ({ id }) => {
        await signIn('developer');
        await open(page, tab(id, 'deployments'));
        await page.getByText('How it is deployed', { exact: true }).click();
        await expect(page.getByLabel('Steps, of 100 requests')).toBeVisible();
        expect.soft(await violations(page), 'the form').toEqual([]);
        await open(page, tab(id, 'settings'));
        expect.soft(await violations(page), 'the settings').toEqual([]);
      });
    });
  });
}

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a canary is planned, deployed and read about', async ({ page, pilothouse, signIn }) => {
    test.setTimeout(2 * WHOLE);
    const port = await freePort();
    await withService(pilothouse, 'greeter-proxied-plain', port, async ({ id }) => {
      await signIn('developer');
      const visits = visitors(port);
      await page.goto(tab(id, 'deployments'));
      await page.getByText('How it is deployed', { exact: true }).click();
      await page.getByLabel('Strategy').selectOption('canary');
      await page.getByLabel('Steps, of 100 requests').fill('5, x');
      await page.getByRole('button', { name: 'Show plan' }).click();
      await expect(page.getByRole('main')).toContainText("'x' is no number of 100 requests");
      await expect(page.getByLabel('Steps, of 100 requests'), 'what was typed is still there').toHaveValue('5, x');
      await page.getByLabel('Steps, of 100 requests').fill('50');
      await page.getByLabel('Seconds of each step').fill('5');
      await page.getByLabel('Least requests of a step').fill('0');
      await page.getByRole('button', { name: 'Show plan' }).click();
      await page.getByRole('button', { name: 'Deploy now' }).click();
      await expect(page).toHaveURL(/\/deployments\/[0-9a-f-]{36}$/);
      await expect(async () => {
        await page.reload();
        await expect(where(page)).toHaveText('Succeeded', { timeout: 500 });
      }).toPass({ timeout: WHOLE });
      await expect(row(page, '50 of 100')).toContainText('Not worse');
      expect((await visits.stop()).failures).toEqual([]);
    });
  });
});

test('replicas answer side by side, and a release goes from one to the next', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(4 * WHOLE);
  const [name, port] = ['greeter-several', await freePort()];
  await withService(pilothouse, name, port, async ({ id, write }) => {
    await signIn('developer');
    await open(page, tab(id, 'settings'));
    await page.getByLabel('Replicas', { exact: true }).fill('2');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByRole('main')).toContainText('Saved.');
    await open(page, `/services/${id}`);
    const replicas = panel(page, 'Replicas');
    const second = replicas.getByRole('row').filter({ hasText: `${name}-2` });
    await expect(second, 'it comes without a reload').toContainText('Running', { timeout: WHOLE });
    await expect(second).toContainText('Healthy', { timeout: 60_000 });
    expect.soft(await violations(page), 'with replicas').toEqual([]);

    await expect.poll(() => word(port), { message: 'the proxy answers', timeout: 60_000 }).toBe('one');
    const visits = visitors(port);
    await write('two');
    await open(page, tab(id, 'deployments'));
    await deploy(page, 'another word', 'rolling');
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    await pilothouse.call('POST', `/api/services/${id}/restart`);
    await pilothouse.until(`sees both of ${name} well again`, async () => {
      const now = await Promise.all([name, `${name}-2`].map((one) => pilothouse.service(one)));
      return now.every((one) => one.status === 'running' && one.health_status === 'healthy');
    });
    const { answers, failures, words } = await visits.stop();
    expect(failures, `of ${answers} requests`).toEqual([]);
    expect([...words].sort()).toEqual(['one', 'two']);

    await open(page, `/services/${id}`);
    await second.getByRole('link').click();
    await expect(page.getByRole('main')).toContainText('Replica of');
    await open(page, tab(id, 'settings'));
    await page.getByLabel('Replicas', { exact: true }).fill('');
    await page.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByRole('main')).toContainText('Saved.');
    await expect.poll(async () => (await pilothouse.services()).map((one) => one.name), { timeout: 60_000 }).not.toContain(`${name}-2`);
  });
});
