import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from '@playwright/test';

import { alive, expect, open, test } from '../fixtures.ts';
import { PASSWORD, type Pilothouse } from '../pilothouse.ts';

// The browser notes each refusal on its console.
test.use({ expectedErrors: [/status of (409|422)/] });

const FILES = {
  'requirements.txt': 'fastapi>=0.115,<1\nuvicorn>=0.30,<1\npydantic-settings>=2,<3\n',
  '.env': 'GREETING=hello\nWORKERS=2\nAPI_KEY=not-to-be-seen\nUNKNOWN=further\n',
  'main.py': `"""Greeter: says what it was told."""

from fastapi import FastAPI
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    greeting: str = "hi"
    workers: int = Field(default=1, ge=1, le=8, description="How many work at once.")
    api_key: SecretStr = SecretStr("")


settings = Settings()
app = FastAPI(title="Greeter", version="1.0.0")


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok", "greeting": settings.greeting, "workers": str(settings.workers)}
`,
};

interface Configuration {
  version: number;
  values: Record<string, unknown>;
}

/** Makes a service of a folder of its own, which goes away with it. */
async function withService(pilothouse: Pilothouse, name: string, use: (id: string) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), 'pilothouse-configuration-'));
  for (const [file, text] of Object.entries(FILES)) await writeFile(join(folder, file), text);
  const { id } = await pilothouse.call<{ id: string }>('POST', '/api/services', { name, source: { folder } });
  await use(id);
  await pilothouse.stopped(name);
  await pilothouse.call('DELETE', `/api/services/${id}`);
  await rm(folder, { recursive: true, force: true });
}

const path = (id: string) => `/services/${id}/configuration`;

const read = (pilothouse: Pilothouse, id: string) => pilothouse.call<Configuration>('GET', `/api/config/services/${id}`);

/** Saves some values over REST, as somebody else does. */
async function saveElsewhere(pilothouse: Pilothouse, id: string, values: Record<string, unknown>) {
  const now = await read(pilothouse, id);
  const body = { values: { ...now.values, ...values }, version: now.version, message: 'from elsewhere' };
  await pilothouse.call('PUT', `/api/config/services/${id}`, body);
}

const field = (page: Page, name: string) => page.getByLabel(new RegExp(`^${name}\\b`));
const save = (page: Page) => page.getByRole('button', { name: 'Save', exact: true });
const done = (page: Page) => page.getByRole('main').locator('.done');

test('a developer changes what a service is told, is told what is wrong while typing, and goes back to an earlier version', async ({
  page,
  pilothouse,
  signIn,
}) => {
  test.setTimeout(240_000);
  await withService(pilothouse, 'greeter', async (id) => {
    await pilothouse.running('greeter');
    await signIn('developer');
    await open(page, `/services/${id}`);
    await page.getByRole('navigation', { name: 'Service', exact: true }).getByRole('link', { name: 'Configuration' }).click();
    await expect(page.getByRole('heading', { name: 'What it is told' })).toBeVisible();
    await expect(field(page, 'GREETING')).toHaveValue('hello');
    await expect(field(page, 'API_KEY'), 'a secret is not in the page').toHaveValue('');
    await expect(page.getByText('How many work at once.').first()).toBeVisible();

    await field(page, 'WORKERS').fill('99');
    await expect(field(page, 'WORKERS'), 'what is typed is looked at').toHaveAttribute('aria-invalid', 'true');
    await field(page, 'GREETING').fill('good day');
    await expect(page.getByText('not saved').first()).toBeVisible();
    await save(page).click();
    await page.locator('.form-faults').getByRole('link', { name: 'WORKERS' }).click();
    await expect(field(page, 'WORKERS')).toBeFocused();
    await expect(field(page, 'GREETING'), 'what was typed stays').toHaveValue('good day');

    await field(page, 'WORKERS').fill('3');
    await expect(field(page, 'WORKERS')).toHaveAttribute('aria-invalid', 'false');
    await page.getByLabel('Why', { exact: true }).fill('friendlier');
    await page.getByRole('button', { name: 'Save and restart' }).click();
    await expect(done(page)).toContainText('the service restarts with it');
    await expect
      .poll(async () => ((await (await pilothouse.ask('greeter', '/health').catch(() => undefined))?.json()) as Record<string, string> | undefined)?.greeting, {
        timeout: 60_000,
      })
      .toBe('good day');

    await page.getByRole('link', { name: 'Versions' }).click();
    const rows = page.getByRole('region', { name: 'Table of versions' }).getByRole('row');
    await expect(rows.filter({ hasText: 'friendlier' })).toContainText('developer');
    await page.getByRole('button', { name: 'Compare' }).click();
    const changes = page.getByRole('region', { name: 'Table of changes' });
    await expect(changes.getByRole('row').filter({ hasText: 'GREETING' })).toContainText(/changed\s*hello\s*good day/);
    await page.getByRole('link', { name: 'Restore version 1', exact: true }).click();
    await expect(page.getByRole('heading', { name: 'Restore version 1?' })).toBeVisible();
    await page.getByLabel('Why', { exact: true }).fill('too friendly');
    await page.getByRole('button', { name: 'Restore version 1' }).click();
    await expect(done(page)).toContainText('Restored');
    await expect(field(page, 'GREETING')).toHaveValue('hello');
    await expect(page.getByRole('main')).toContainText('the service still runs with version 2');
    expect((await read(pilothouse, id)).version).toBe(3);
  });
});

test('JSON is another way to write the same, and takes along what is typed', async ({ page, pilothouse, signIn }) => {
  await withService(pilothouse, 'greeter-json', async (id) => {
    await signIn('developer');
    await open(page, path(id));
    await field(page, 'GREETING').fill('typed');
    await page.getByRole('link', { name: 'JSON' }).click();
    const text = page.getByLabel('Values as JSON');
    await expect(text).toHaveValue(/"GREETING": "typed"/);
    await expect(text, 'a secret is not in the page').not.toHaveValue(/not-to-be-seen/);
    const typed = await text.inputValue();
    await text.fill('{\n  "GREETING": \n}');
    await expect(page.getByText(/^Line 3, column 1: /)).toBeVisible();
    await text.fill(typed.replace('"WORKERS": 2', '"WORKERS": 99'));
    await expect(page.getByText(/^Line \d+: WORKERS: /)).toBeVisible();
    await text.press('Home');
    await text.press('Tab');
    await expect(text, 'Tab puts in two spaces').toBeFocused();
    await text.press('Escape');
    await text.press('Tab');
    await expect(text, 'and leaves after Escape').not.toBeFocused();
    await text.fill(typed.replace('"WORKERS": 2', '"WORKERS": 4'));
    await page.getByRole('link', { name: 'Fields' }).click();
    await expect(field(page, 'WORKERS')).toHaveValue('4');
    await save(page).click();
    await expect(done(page)).toContainText('Saved as a new version');
    expect((await read(pilothouse, id)).values).toMatchObject({ GREETING: 'typed', WORKERS: 4, UNKNOWN: 'further' });
  });
});

test('YAML keeps its comments, also through the fields, and says what is wrong with its line', async ({ page, pilothouse, signIn }) => {
  await withService(pilothouse, 'greeter-yaml', async (id) => {
    await signIn('developer');
    await open(page, path(id));
    await field(page, 'GREETING').fill('typed');
    const views = page.getByRole('navigation', { name: 'View of the configuration' });
    await views.getByRole('link', { name: 'YAML' }).click();
    const text = page.getByLabel('Values as YAML');
    await expect(text).toHaveValue(/^GREETING: typed$/m);
    await expect(text, 'a secret is not in the page').not.toHaveValue(/not-to-be-seen/);
    const typed = await text.inputValue();
    await text.fill(`# how it greets\n${typed.replace('GREETING: typed', 'GREETING: kind # to all')}`.replace(/^WORKERS: .*$/m, 'WORKERS: 99'));
    await expect(page.getByText(/^Line \d+: WORKERS: /)).toBeVisible();
    await text.fill((await text.inputValue()).replace('WORKERS: 99', 'WORKERS: ['));
    await expect(page.locator('#raw-faults').getByText(/^Line \d+: it isn't YAML/)).toBeVisible();
    await text.fill((await text.inputValue()).replace('WORKERS: [', 'WORKERS: 4'));
    await views.getByRole('link', { name: 'Fields' }).click();
    await expect(field(page, 'WORKERS')).toHaveValue('4');
    await field(page, 'WORKERS').fill('5');
    await views.getByRole('link', { name: 'TOML' }).click();
    await expect(page.getByLabel('Values as TOML')).toHaveValue(/^WORKERS = 5$/m);
    await views.getByRole('link', { name: 'YAML' }).click();
    await expect(text, 'comments that are not saved stay').toHaveValue(/^# how it greets\n(.*\n)*GREETING: kind # to all\n(.*\n)*WORKERS: 5$/m);
    await save(page).click();
    await expect(done(page)).toContainText('Saved as a new version');
    await expect(page.getByLabel('Values as YAML')).toHaveValue(/^# how it greets$/m);
    expect((await read(pilothouse, id)).values).toMatchObject({ GREETING: 'kind', WORKERS: 5, UNKNOWN: 'further' });
    await saveElsewhere(pilothouse, id, { WORKERS: 6 });
    await open(page, `${path(id)}?view=raw&format=yaml`);
    await expect(text, 'and through what is saved elsewhere').toHaveValue(/^GREETING: kind # to all\n(.*\n)*WORKERS: 6$/m);
  });
});

test('names that the schema knows are suggested in a text, and typed by the keyboard alone', async ({ page, pilothouse, signIn }) => {
  await withService(pilothouse, 'greeter-suggested', async (id) => {
    await signIn('developer');
    await open(page, `${path(id)}?view=raw&format=yaml`);
    const text = page.getByLabel('Values as YAML');
    const suggestions = page.getByRole('group', { name: 'Suggestions' });
    await text.fill('GREETING: hello\n');
    await text.pressSequentially('w');
    await expect(suggestions.getByRole('button')).toHaveText(['WORKERS']);
    await text.press('Control+Space');
    await expect(text).toHaveValue('GREETING: hello\nWORKERS: ');
    await expect(suggestions, 'a number is anything').toBeHidden();
    await text.pressSequentially('3');
    await save(page).click();
    await expect(done(page)).toContainText('Saved as a new version');
    expect((await read(pilothouse, id)).values).toMatchObject({ GREETING: 'hello', WORKERS: 3 });

    await open(page, `${path(id)}?view=raw`);
    const json = page.getByLabel('Values as JSON');
    await json.fill('{\n  "\n}');
    await json.press('Control+Home');
    await json.press('ArrowDown');
    await json.press('End');
    await json.press('Control+Space');
    const first = suggestions.getByRole('button', { name: 'API_KEY' });
    await expect(first).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(json).toBeFocused();
    await json.press('Control+Space');
    await expect(first).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(json).toBeFocused();
    await expect(json).toHaveValue('{\n  "API_KEY": \n}');
  });
});

test('a configuration goes out as a file, and another comes in and shows what it has changed', async ({ page, pilothouse, signIn }) => {
  await withService(pilothouse, 'greeter-file', async (id) => {
    await signIn('developer');
    await open(page, path(id));
    await page.getByText('Export…').click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: '.env' }).last().click()]);
    expect(download.suggestedFilename()).toBe('greeter-file.env');
    const chunks: Buffer[] = [];
    for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer);
    const exported = Buffer.concat(chunks).toString('utf8');
    expect(exported).toMatch(/^GREETING=hello$/m);
    expect(exported).toContain('API_KEY=********');

    await page.getByText('Import…').click();
    await page.getByLabel('File', { exact: true }).setInputFiles({ name: 'new.yaml', mimeType: 'text/plain', buffer: Buffer.from('WORKERS: 4\nUNKNOWN: other\n') });
    await expect(page.getByLabel('Text', { exact: true })).toHaveValue(/WORKERS: 4/);
    await expect(page.getByLabel('Format')).toHaveValue('yaml');
    await page.getByRole('button', { name: 'Import' }).click();
    await expect(done(page)).toContainText('Imported as a new version');
    const changes = page.getByRole('region', { name: 'Table of changes' });
    await expect(changes.getByRole('row').filter({ hasText: 'WORKERS' })).toContainText('4');
    expect(await read(pilothouse, id)).toMatchObject({ version: 2, values: { GREETING: 'hello', WORKERS: 4, UNKNOWN: 'other' } });
  });
});

test('a secret is shown to who says their password again, and is gone with the page', async ({ page, pilothouse, signIn }) => {
  await withService(pilothouse, 'greeter-shown', async (id) => {
    await signIn('developer');
    await open(page, path(id));
    await page.getByRole('link', { name: 'Show API_KEY…' }).click();
    await expect(page.getByLabel('Which')).toHaveValue('/API_KEY');
    const show = page.getByRole('button', { name: 'Show the value' });
    await page.getByLabel('Your password').fill('not the password');
    await show.click();
    await expect(page.getByText("That isn't your present password.")).toBeVisible();
    await page.getByLabel('Your password').fill(PASSWORD);
    await page.getByLabel('Your password').press('Enter');
    const value = page.getByLabel('Value of the secret');
    await expect(value).toHaveText('not-to-be-seen');
    await page.getByRole('link', { name: 'Hide' }).click();
    await expect(value).toHaveCount(0);
    await page.reload();
    await expect(page.getByText('not-to-be-seen')).toHaveCount(0);
  });
});

test('what two people change at once comes together', async ({ page, pilothouse, signIn }) => {
  await withService(pilothouse, 'greeter-twice', async (id) => {
    await signIn('developer');
    await open(page, path(id));
    await saveElsewhere(pilothouse, id, { GREETING: 'theirs', UNKNOWN: 'theirs' });
    await field(page, 'GREETING').fill('mine');
    await field(page, 'WORKERS').fill('5');
    await save(page).click();
    const panel = page.getByRole('region', { name: 'Version 2 has been saved meanwhile' });
    await expect(panel).toContainText('by admin');
    await expect(panel.getByRole('row').filter({ hasText: 'GREETING' })).toContainText('theirs');
    await expect(panel.getByRole('group', { name: 'GREETING' })).toContainText('Mine: mine');
    await panel.getByRole('group', { name: 'GREETING' }).getByLabel('Theirs: theirs').check();
    await panel.getByRole('button', { name: 'Save mine on top' }).click();
    await expect(done(page)).toContainText('Saved as a new version');
    expect(await read(pilothouse, id)).toMatchObject({ version: 3, values: { GREETING: 'theirs', UNKNOWN: 'theirs', WORKERS: 5 } });
  });
});

test('a viewer reads the values, sees no secret and gets no form', async ({ page, pilothouse, signIn }) => {
  await withService(pilothouse, 'greeter-seen', async (id) => {
    await signIn('viewer');
    for (const view of ['', '?view=raw', '?view=raw&format=yaml']) {
      await open(page, path(id) + view);
      await expect(page.getByRole('main')).toContainText('GREETING');
      expect(await page.content()).not.toContain('not-to-be-seen');
      await expect(page.getByRole('button', { name: /Save|Reset|Restore/ })).toHaveCount(0);
    }
    await open(page, `${path(id)}/versions`);
    await expect(page.getByRole('link', { name: /Restore/ })).toHaveCount(0);
  });
});

test('on a phone nothing of it is wider than the screen', async ({ page, pilothouse, signIn }) => {
  await withService(pilothouse, 'greeter-small', async (id) => {
    await saveElsewhere(pilothouse, id, { GREETING: 'a greeting that is longer than any screen of a phone is wide, by far' });
    await page.setViewportSize({ width: 390, height: 844 });
    await signIn('developer');
    for (const view of ['', '?view=raw', '?view=raw&format=toml', '/versions?from=1&to=2', '/versions?from=2&to=1&restore=1']) {
      await open(page, path(id) + view);
      await expect(page.getByRole('heading', { level: 2 }).first()).toBeVisible();
      expect.soft(await page.evaluate(() => document.documentElement.scrollWidth), view).toBeLessThanOrEqual(390);
    }
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('values are changed, refused with what was typed, and saved', async ({ page, pilothouse, signIn }) => {
    await withService(pilothouse, 'greeter-plain', async (id) => {
      await signIn('developer');
      await page.goto(path(id));
      await field(page, 'WORKERS').fill('99');
      await field(page, 'GREETING').fill('plain');
      await save(page).click();
      await expect(field(page, 'WORKERS')).toHaveAttribute('aria-invalid', 'true');
      await expect(field(page, 'WORKERS')).toHaveValue('99');
      await expect(field(page, 'GREETING')).toHaveValue('plain');
      await field(page, 'WORKERS').fill('3');
      await page.getByLabel('Further variables').fill('MORE=1');
      await save(page).click();
      await expect(done(page)).toContainText('Saved as a new version');
      expect((await read(pilothouse, id)).values).toMatchObject({ GREETING: 'plain', WORKERS: 3, UNKNOWN: 'further', MORE: '1' });

      await page.goto(`${path(id)}?view=raw&format=env`);
      await page.getByLabel('Values as .env').fill('# mine\nGREETING=plain\nWORKERS=many');
      await save(page).click();
      await expect(page.getByLabel('Values as .env'), 'what was typed stays').toHaveValue('# mine\nGREETING=plain\nWORKERS=many');
      await expect(page.getByRole('main')).toContainText('WORKERS:');
      await page.getByLabel('Values as .env').fill('# mine\nGREETING=plain\nWORKERS=4');
      await save(page).click();
      await expect(page.getByLabel('Values as .env')).toHaveValue('# mine\nGREETING=plain\nWORKERS=4');
      await page.getByRole('link', { name: 'Fields' }).click();

      await saveElsewhere(pilothouse, id, { GREETING: 'theirs' });
      await field(page, 'GREETING').fill('mine');
      await save(page).click();
      await expect(page.getByRole('main')).toContainText('Somebody has saved a newer version meanwhile.');
      await expect(field(page, 'GREETING')).toHaveValue('mine');
      await page.getByRole('link', { name: 'See what they have changed' }).click();
      await expect(page.getByRole('region', { name: 'Table of changes' })).toContainText('theirs');
      await page.getByRole('link', { name: 'Restore version 3', exact: true }).click();
      await page.getByRole('button', { name: 'Restore version 3' }).click();
      await expect(done(page)).toContainText('Restored');
      await expect(field(page, 'GREETING')).toHaveValue('plain');
    });
  });
});

test('a page that was opened by its address comes alive', async ({ page, pilothouse, signIn }) => {
  await withService(pilothouse, 'greeter-address', async (id) => {
    await signIn('developer');
    await page.goto(`${path(id)}?view=raw`);
    await alive(page);
    await expect(page.getByLabel('Values as JSON')).toHaveValue(/"GREETING": "hello"/);
  });
});
