import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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

/** A service that says `word`. */
const says = (word: string) => `"""Greeter: says a word."""

from fastapi import FastAPI

app = FastAPI(title="Greeter", version="1.0.0")


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok", "word": "${word}"}
`;

/** One that ends while it starts. */
const BROKEN = `${says('never')}\nno_such_name()\n`;

/** One that isn't up for as long as a test takes. */
const SLOW = `import time\n\ntime.sleep(600)\n${says('never')}`;

interface Own {
  id: string;
  /** Makes it say something else. */
  write: (text: string) => Promise<void>;
  /** What it says now. */
  word: () => Promise<string | undefined>;
}

/** Makes a service of a folder of its own and runs it; both go away together. */
async function withService(pilothouse: Pilothouse, name: string, use: (own: Own) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), 'pilothouse-deployments-'));
  const write = (text: string) => writeFile(join(folder, 'main.py'), text);
  await writeFile(join(folder, 'requirements.txt'), 'fastapi>=0.115,<1\nuvicorn>=0.30,<1\n');
  await write(says('one'));
  const { id } = await pilothouse.call<{ id: string }>('POST', '/api/services', { name, source: { folder }, health: { interval_seconds: 2 } });
  await pilothouse.running(name);
  const word = async () => ((await (await pilothouse.ask(name, '/health').catch(() => undefined))?.json()) as { word?: string } | undefined)?.word;
  await use({ id, write, word });
  await pilothouse.stopped(name);
  await pilothouse.call('DELETE', `/api/services/${id}`);
  await rm(folder, { recursive: true, force: true });
}

const tab = (id: string) => `/services/${id}/deployments`;

const panel = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

const where = (page: Page) => panel(page, 'Where it is').locator('.state-mark');

/** Plans a deployment on the tab and makes it; its page is open then. */
async function deploy(page: Page, why: string, healthSeconds?: number) {
  await page.getByLabel('Why', { exact: true }).fill(why);
  if (healthSeconds) {
    await page.getByText('How it is deployed', { exact: true }).click();
    await page.getByLabel('Seconds to become healthy').fill(String(healthSeconds));
  }
  await page.getByRole('button', { name: 'Show plan' }).click();
  await page.getByRole('button', { name: 'Deploy now' }).click();
  await expect(page).toHaveURL(/\/deployments\/[0-9a-f-]{36}$/);
}

/** Lets a service go when it is held, as it may be since something went wrong. */
async function letGo(page: Page) {
  await expect(panel(page, 'Deploy')).toBeVisible();
  if (!(await panel(page, 'Held').isVisible())) return;
  await page.getByText('Let it go…').click();
  await page.getByRole('button', { name: 'Let it go', exact: true }).click();
  await expect(page.getByRole('main')).toContainText('It is held no more');
}

/** Presses Tab until the element with that name has the focus. */
async function tabTo(page: Page, role: 'button' | 'link', name: string): Promise<void> {
  const wanted = page.getByRole(role, { name, exact: true });
  for (let presses = 0; presses < 80; presses += 1) {
    if (await wanted.evaluateAll((found) => found.some((element) => element === document.activeElement))) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab never reaches the ${role} ${name}`);
}

test('a service is deployed, comes back by itself from a version that fails, and goes back to an earlier one', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(4 * WHOLE);
  await withService(pilothouse, 'greeter-deployed', async ({ id, write, word }) => {
    await signIn('developer');
    await open(page, `/services/${id}`);
    await page.getByRole('navigation', { name: 'Service', exact: true }).getByRole('link', { name: 'Deployments' }).click();
    await expect(page.getByRole('heading', { name: 'It was never deployed' })).toBeVisible();
    await deploy(page, 'the first one');
    await expect(page.getByRole('progressbar', { name: 'Progress' })).toBeVisible();
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    await expect(page.getByRole('heading', { name: 'greeter-deployed: Release 1', level: 1 })).toBeVisible();
    await expect(row(page, 'Health check')).toContainText('Done');
    await expect(page.getByRole('progressbar')).toHaveCount(0);
    await expect(panel(page, 'Log').getByRole('listitem').first()).toBeVisible();
    const answers = panel(page, 'It answers at').getByRole('link').first();
    await expect(answers).toBeVisible();
    expect(await word()).toBe('one');

    await write(BROKEN);
    await open(page, tab(id));
    await expect(panel(page, 'What it runs')).toContainText('Release 1');
    await page.getByRole('button', { name: 'Show plan' }).click();
    await expect(panel(page, 'Table of files')).toContainText(/main\.py\s*changed/);
    await deploy(page, 'it fails', 10);
    await expect(where(page)).toHaveText('Rolled back', { timeout: WHOLE });
    const why = panel(page, "Why it isn't what was asked for");
    await expect(why).toContainText('It was rolled back');
    await expect(why, 'the lines that say it').toContainText('no_such_name');
    await expect(why.getByRole('listitem').last()).toBeVisible();
    await expect.poll(word, { message: 'what ran before runs again', timeout: 60_000 }).toBe('one');

    await write(says('two'));
    await open(page, tab(id));
    await letGo(page);
    await deploy(page, 'another word');
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    await expect.poll(word).toBe('two');

    await page.getByRole('navigation', { name: 'Breadcrumb' }).getByRole('link', { name: 'greeter-deployed' }).click();
    await page.getByRole('link', { name: 'Roll back to this (release 1)', exact: true }).click();
    await expect(page.getByRole('heading', { name: 'Roll back to release 1?' })).toBeVisible();
    await expect(panel(page, 'Table of files')).toContainText('main.py');
    await page.getByLabel('Why', { exact: true }).fill('the old word was better');
    await page.getByRole('button', { name: 'Roll back to release 1', exact: true }).click();
    await expect(page.getByRole('heading', { name: 'greeter-deployed: Rollback to release 1', level: 1 })).toBeVisible();
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    await expect.poll(word).toBe('one');

    await open(page, tab(id));
    await expect(panel(page, 'Held')).toContainText('It is held at release 1.');
    await expect(panel(page, 'Held')).toContainText('the old word was better');
    await expect(page.getByRole('button', { name: 'Show plan' })).toHaveCount(0);
    await letGo(page);
    await expect(page.getByRole('button', { name: 'Show plan' })).toBeVisible();

    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Deployments' }).click();
    const rows = page.getByRole('region', { name: 'Table of deployments' }).getByRole('row');
    await expect(rows.filter({ hasText: 'the old word was better' })).toContainText('developer');
    await page.getByRole('combobox', { name: /^Status/ }).selectOption('Rolled back');
    await expect(page).toHaveURL(/status=rolled_back/);
    await expect(rows.filter({ hasText: 'it fails' })).toContainText('Rolled back');
    await expect(rows.filter({ hasText: 'another word' })).toHaveCount(0);
  });
});

test('a deployment is cancelled, and what it had done is undone', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(3 * WHOLE);
  await withService(pilothouse, 'greeter-cancelled', async ({ id, write, word }) => {
    await signIn('developer');
    await open(page, tab(id));
    await deploy(page, 'the first one');
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    await write(SLOW);
    await open(page, tab(id));
    await deploy(page, 'it takes too long');
    await expect(row(page, 'Health check')).toContainText('Running', { timeout: WHOLE });
    await page.getByText('Cancel this deployment…').click();
    await page.getByRole('button', { name: 'Cancel it now' }).click();
    await expect(where(page)).toHaveText('Cancelled', { timeout: WHOLE });
    await expect(panel(page, 'Where it is')).toContainText('developer; what was before is as it was.');
    await expect(page.getByText('Cancel this deployment…')).toHaveCount(0);
    await expect.poll(word, { timeout: 60_000 }).toBe('one');
  });
});

test('deploying needs no mouse', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(2 * WHOLE);
  await withService(pilothouse, 'greeter-by-keys', async ({ id }) => {
    await signIn('developer');
    await open(page, `/services/${id}`);
    await tabTo(page, 'link', 'Skip to content');
    await page.getByRole('navigation', { name: 'Service', exact: true }).getByRole('link', { name: 'Deployments' }).focus();
    await page.keyboard.press('Enter');
    await expect(page.getByLabel('Why', { exact: true })).toBeVisible();
    await tabTo(page, 'button', 'Show plan');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('button', { name: 'Deploy now' })).toBeVisible();
    await tabTo(page, 'button', 'Deploy now');
    await page.keyboard.press('Enter');
    await expect(page).toHaveURL(/\/deployments\/[0-9a-f-]{36}$/);
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    await tabTo(page, 'link', 'Deploy again…');
    await page.keyboard.press('Enter');
    await expect(panel(page, 'What it runs')).toContainText('Release 1');
  });
});

test('a viewer sees deployments, and deploys nothing', async ({ page, pilothouse, signIn }) => {
  const { id } = await pilothouse.service('orders');
  await signIn('viewer');
  await open(page, tab(id));
  await expect(panel(page, 'Deploy')).toContainText('Your role may not deploy services.');
  await expect(page.getByRole('button', { name: 'Show plan' })).toHaveCount(0);
  await open(page, '/deployments');
  await expect(page.getByRole('heading', { name: 'Deployments', level: 1 })).toBeVisible();
});

for (const theme of ['dark', 'light'] as const) {
  test.describe(`the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test(`deployments have no fault that axe finds (${theme})`, async ({ page, pilothouse, signIn }) => {
      test.setTimeout(3 * WHOLE);
      await withService(pilothouse, `greeter-${theme}`, async ({ id, write }) => {
        await signIn('developer');
        await open(page, tab(id));
        await deploy(page, 'the first one');
        expect.soft(await violations(page), 'while it is under way').toEqual([]);
        await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
        expect.soft(await violations(page), 'when it has succeeded').toEqual([]);
        await write(BROKEN);
        await open(page, tab(id));
        await page.getByRole('button', { name: 'Show plan' }).click();
        await expect(page.getByRole('button', { name: 'Deploy now' })).toBeVisible();
        expect.soft(await violations(page), 'the plan').toEqual([]);
        await deploy(page, 'it fails', 10);
        await expect(where(page)).toHaveText('Rolled back', { timeout: WHOLE });
        expect.soft(await violations(page), 'when it has failed').toEqual([]);
        for (const path of ['/deployments', tab(id), `${tab(id)}/difference`, `${tab(id)}/difference?from=1&to=1`]) {
          await open(page, path);
          await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
          expect.soft(await violations(page), path).toEqual([]);
        }
      });
    });
  });
}

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a service is planned, deployed and read about', async ({ page, pilothouse, signIn }) => {
    test.setTimeout(2 * WHOLE);
    await withService(pilothouse, 'greeter-plain', async ({ id }) => {
      await signIn('developer');
      await page.goto(tab(id));
      await page.getByLabel('Why', { exact: true }).fill('no script');
      await page.getByRole('button', { name: 'Show plan' }).click();
      await expect(page).toHaveURL(new RegExp(`${tab(id)}$`));
      await expect(page.getByLabel('Why', { exact: true })).toHaveValue('no script');
      await page.getByRole('button', { name: 'Deploy now' }).click();
      await expect(page).toHaveURL(/\/deployments\/[0-9a-f-]{36}$/);
      await expect(async () => {
        await page.reload();
        await expect(where(page)).toHaveText('Succeeded', { timeout: 500 });
      }).toPass({ timeout: WHOLE });
      await expect(panel(page, 'Log').getByRole('listitem').first()).toBeVisible();
      // The button of the filter is in a `noscript`, which Chromium leaves out when scripts are only switched off from outside.
      await page.goto('/deployments?status=succeeded');
      await expect(page.getByRole('link', { name: 'Release 1 of greeter-plain' })).toBeVisible();
      await page.goto(tab(id));
      await expect(panel(page, 'What it runs')).toContainText('Release 1');
    });
  });
});

test('a deployment waits for its window, in a freeze, and until somebody else agrees', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(3 * WHOLE);
  await withService(pilothouse, 'greeter-ruled', async ({ id, word, write }) => {
    await signIn('admin');
    await open(page, tab(id));
    const rules = panel(page, 'When it may be deployed');
    await expect(rules).toContainText('At any time');
    await rules.getByText('Change that…').click();
    await rules.getByLabel('Windows', { exact: true }).fill('mondays');
    await rules.getByRole('button', { name: 'Save' }).click();
    await expect(rules.getByRole('alert')).toContainText("'mondays' isn't a window");
    await rules.getByLabel('Windows', { exact: true }).fill('mon-fri 09:00-16:00');
    await rules.getByLabel('Time zone of the windows').fill('Middle/Earth');
    await rules.getByRole('button', { name: 'Save' }).click();
    await expect(rules.getByRole('alert')).toContainText("no time zone 'Middle/Earth'");
    await rules.getByLabel('Windows', { exact: true }).fill('');
    await rules.getByLabel('Time zone of the windows').fill('');
    await rules.getByLabel('Somebody else has to agree').check();
    await rules.getByRole('button', { name: 'Save' }).click();
    await expect(page.getByRole('main')).toContainText('What waits is looked at anew.');
    await expect(rules).toContainText('Somebody else than who has asked has to agree');

    await signIn('developer');
    await open(page, tab(id));
    await expect(rules.getByText('Change that…')).toHaveCount(0);
    await write(says('two'));
    await deploy(page, 'please look');
    const waits = panel(page, 'Waits');
    await expect(waits).toContainText('Somebody else than developer has to agree');
    await expect(waits.getByRole('button', { name: 'Agree' }), 'nobody agrees with themselves').toHaveCount(0);
    expect(await violations(page)).toEqual([]);
    const address = page.url();
    await signIn('admin');
    await open(page, '/deployments');
    const freezes = panel(page, 'Freezes');
    await freezes.getByText('Freeze deployments…').click();
    await freezes.getByLabel('Service', { exact: true }).fill('greeter-ruled');
    await freezes.getByLabel('To (UTC)').fill('tomorrow');
    await freezes.getByLabel('Why').fill('the year ends');
    await freezes.getByRole('button', { name: 'Freeze', exact: true }).click();
    await expect(freezes.getByRole('alert')).toContainText('a time is like 2026-12-20 18:00'.replace('a time', 'A time'));
    await freezes.getByLabel('To (UTC)').fill(new Date(Date.now() + 86_400_000).toISOString().slice(0, 16));
    await freezes.getByRole('button', { name: 'Freeze', exact: true }).click();
    await expect(freezes).toContainText('the year ends');
    await page.goto(address);
    await expect(waits).toContainText('the year ends');
    await waits.getByRole('button', { name: 'Agree' }).click();
    await expect(waits).toContainText('Admin has frozen deployments: the year ends');
    await expect(waits).toContainText(/It may begin at \d{4}-\d\d-\d\d \d\d:\d\d UTC/);
    await open(page, '/deployments');
    await freezes.getByText('End it…').click();
    await freezes.getByRole('button', { name: 'End this freeze' }).click();
    await expect(freezes).toContainText('No time is frozen');
    expect(await violations(page)).toEqual([]);
    await page.goto(address);
    await expect(where(page)).toHaveText('Succeeded', { timeout: WHOLE });
    expect(await word()).toBe('two');

    await signIn('developer');
    await open(page, tab(id));
    await deploy(page, 'once more');
    await waits.getByText('Reject it…').click();
    await waits.getByLabel('Why').fill('changed my mind');
    await waits.getByRole('button', { name: 'Reject' }).click();
    await expect(page.getByRole('main')).toContainText('developer rejected it: changed my mind');
  });
});
