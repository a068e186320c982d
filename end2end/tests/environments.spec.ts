import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Page } from '@playwright/test';

import { violations } from '../axe.ts';
import { expect, open, row, test } from '../fixtures.ts';
import { type Pilothouse } from '../pilothouse.ts';

// The browser notes each refusal on its console. axe puts styles of its own into the page, which the page's policy rightly refuses.
test.use({ expectedErrors: [/status of (409|422)/], bypassCSP: true });

const WHOLE = 120_000;
const TABLE = '/deployments/environments';

/** A service that says `word`, and what it is told. */
const says = (word: string) => `import http.server
import os


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(("${word} " + os.environ.get("PLACE", "here")).encode())


http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
`;

/** Makes a service of a folder of its own; it goes away with what it is elsewhere, and with that environment. */
async function withService(pilothouse: Pilothouse, name: string, environment: string, use: (id: string, say: (word: string) => Promise<void>) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), 'pilothouse-environments-'));
  const say = (word: string) => writeFile(join(folder, 'main.py'), says(word));
  await say('one');
  const { id } = await pilothouse.call<{ id: string }>('POST', '/api/services', { name, source: { folder }, health: { kind: 'tcp', interval_seconds: 2 } });
  await use(id, say);
  const there = `${name}-${environment}`;
  const all = await pilothouse.call<{ items: { id: string; name: string }[] }>('GET', '/api/services?limit=1000');
  for (const wanted of [there, name]) {
    const found = all.items.find((one) => one.name === wanted);
    if (!found) continue;
    await pilothouse.stopped(wanted);
    await pilothouse.call('DELETE', `/api/services/${found.id}`);
    await pilothouse.call('DELETE', `/api/services/deleted/${found.id}`);
  }
  await pilothouse.call('DELETE', `/api/deploy/environments/${environment}`);
  await rm(folder, { recursive: true, force: true });
}

const panel = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

async function deployed(page: Page, why: string) {
  await page.getByLabel('Why', { exact: true }).fill(why);
  await page.getByRole('button', { name: 'Show plan' }).click();
  await page.getByRole('button', { name: 'Deploy now' }).click();
  await expect(page).toHaveURL(/\/deployments\/[0-9a-f-]{36}$/);
  await expect(panel(page, 'Where it is').locator('.state-mark')).toHaveText('Succeeded', { timeout: WHOLE });
}

const said = async (pilothouse: Pilothouse, name: string) => (await pilothouse.ask(name, '/')).text();

test('an environment is made, a service is set up and deployed there, and a release is taken along', async ({ page, pilothouse, signIn }) => {
  test.setTimeout(4 * WHOLE);
  await withService(pilothouse, 'placed', 'qa', async (id, say) => {
    await signIn('admin');
    await open(page, '/deployments');
    await page.getByRole('link', { name: 'What runs where' }).click();
    await expect(page).toHaveURL(new RegExp(`${TABLE}$`));
    const name = page.getByLabel('What it is called', { exact: true });
    if (!(await name.isVisible())) await page.getByText('Make an environment…').click();
    await name.fill('Not a name');
    await page.getByRole('button', { name: 'Make it', exact: true }).click();
    await expect(page.getByText('An environment is named by 1 to 24 of a-z 0-9 -, and begins with a letter.')).toBeVisible();
    await name.fill('qa');
    await page.getByRole('button', { name: 'Make it', exact: true }).click();
    await expect(page.getByRole('columnheader', { name: 'qa', exact: true })).toBeVisible();

    await row(page, 'placed').getByRole('link', { name: 'Set up placed in qa' }).click();
    await expect(page.getByLabel('Environment', { exact: true })).toHaveValue('qa');
    await page.getByLabel('Port', { exact: true }).fill('8199');
    await page.getByLabel('Variables that are different there').fill('PORT=1');
    await page.getByRole('button', { name: 'Set it up', exact: true }).click();
    await expect(page.getByText('PORT is set by Pilothouse')).toBeVisible();
    await expect(page.getByLabel('Port', { exact: true })).toHaveValue('8199');
    await page.getByLabel('Port', { exact: true }).fill('');
    await page.getByLabel('Variables that are different there').fill('PLACE=there');
    await page.getByRole('button', { name: 'Set it up', exact: true }).click();
    await expect(page.getByText('It is set up, and at rest until it is deployed here.')).toBeVisible();
    await expect(panel(page, 'Environments')).toContainText('this one');
    expect(await violations(page)).toEqual([]);
    await deployed(page, 'to the testers');
    expect(await said(pilothouse, 'placed-qa')).toBe('one there');

    await say('two');
    await open(page, `/services/${id}/deployments`);
    await deployed(page, 'in development');
    expect(await said(pilothouse, 'placed')).toBe('two here');
    expect(await said(pilothouse, 'placed-qa')).toBe('one there');
    await say('three');
    await open(page, `/services/${id}/deployments`);
    await page.getByRole('link', { name: 'Take release 1 of development to qa…' }).click();
    await expect(page.getByLabel('What', { exact: true })).toHaveValue(/^[0-9a-f-]{36}$/);
    await deployed(page, 'as in development');
    expect(await said(pilothouse, 'placed-qa')).toBe('two there');

    await open(page, TABLE);
    await expect(row(page, 'placed')).toContainText('the same as development');
    expect(await violations(page)).toEqual([]);
    await expect(page.getByText('Remove it…')).toHaveCount(0);
    // The table is kept up to date, and where one is stays.
    const link = row(page, 'placed').getByRole('link', { name: 'placed', exact: true });
    await link.focus();
    await pilothouse.call('POST', `/api/deploy/services/${id}`, {});
    await expect(row(page, 'placed')).toContainText('not what development runs', { timeout: WHOLE });
    await expect(link).toBeFocused();
  });
});

test('what changes in development is taken over where it is inherited when somebody says so', async ({ page, pilothouse, signIn }) => {
  await withService(pilothouse, 'heir', 'uat', async (id) => {
    await pilothouse.call('POST', '/api/deploy/environments', { name: 'uat' });
    await pilothouse.call('PUT', `/api/config/services/${id}`, { values: { PLACE: 'one', LIMIT: 'low' }, version: 1 });
    const there = await pilothouse.call<{ id: string }>('POST', `/api/deploy/services/${id}/environments`, { environment: 'uat' });
    await pilothouse.call('PUT', `/api/config/services/${there.id}/schema`, { schema: { type: 'object', properties: { PLACE: { type: 'string' } } } });
    await pilothouse.call('PUT', `/api/config/services/${id}`, { values: { PLACE: 'two', LIMIT: 'low' }, version: 2 });

    await signIn('admin');
    await open(page, `/services/${there.id}/configuration`);
    const inherited = panel(page, 'Inherited values');
    const told = panel(page, 'What it is told');
    const place = told.getByLabel('PLACE', { exact: true });
    await expect(inherited).toContainText('1 inherited value has changed in development');
    await expect(place).toHaveValue('one');
    expect(await violations(page)).toEqual([]);
    await inherited.getByLabel('Why it is taken over').fill('as agreed');
    await inherited.getByRole('button', { name: 'Take it over', exact: true }).click();
    await expect(page.getByText('Taken over as a new version.')).toBeVisible();
    await expect(inherited).toContainText('2 values are inherited, and none has changed in development');
    await expect(place).toHaveValue('two');

    // What is typed is its own, until it is inherited again.
    await place.fill('mine');
    await expect(told).toContainText('Set here, once it is saved.');
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(page.getByText('Saved as a new version.')).toBeVisible();
    const again = told.getByLabel('Inherit again from development', { exact: true });
    await again.check();
    // It is ticked still after a look at the text.
    await page.getByRole('link', { name: 'JSON' }).click();
    await expect(page.getByLabel('Values as JSON')).toHaveValue(/"PLACE": "mine"/);
    await page.getByRole('link', { name: 'Fields' }).click();
    await expect(again).toBeChecked();
    await page.getByRole('button', { name: 'Save', exact: true }).click();
    await expect(place).toHaveValue('two');
    await expect(told).toContainText('Inherited from development.');
  });
});
