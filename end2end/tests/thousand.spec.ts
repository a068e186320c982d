import { type Page } from '@playwright/test';
import { expect, open, row, test } from '../fixtures.ts';

const COUNT = 300;
const LABEL = { suite: 'thousand' };
const LIST = '/services?label=suite%3Dthousand';

const name = (number: number) => `thousand-${String(number).padStart(3, '0')}`;
const source = { command: ['/bin/true'], working_dir: '/tmp' };
const ids = new Map<number, string>();

test.beforeAll(async ({ pilothouse }) => {
  for (let number = 0; number < COUNT; number += 1) {
    const { id } = await pilothouse.call<{ id: string }>('POST', '/api/services', { name: name(number), source, labels: LABEL });
    ids.set(number, id);
  }
});

test.afterAll(async ({ pilothouse }) => {
  for (const id of ids.values()) {
    await pilothouse.call('DELETE', `/api/services/${id}`);
    await pilothouse.call('DELETE', `/api/services/deleted/${id}`);
  }
});

/** The rows of services that are in the document. */
const rows = (page: Page) => page.locator('.service-row');

/** Opens the list, and waits until it is one and no page any more. */
async function openList(page: Page): Promise<void> {
  await open(page, LIST);
  await expect(page.locator('.service-table')).toHaveAttribute('aria-rowcount', String(COUNT + 1));
}

async function toEnd(page: Page): Promise<void> {
  // Rows that come may be a little higher than was thought, so that the end moves.
  await expect(async () => {
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await expect(row(page, name(COUNT - 1))).toBeInViewport({ timeout: 1_000 });
  }).toPass();
}

async function toTop(page: Page): Promise<void> {
  await page.evaluate(() => scrollTo(0, 0));
  await expect(row(page, name(0))).toBeInViewport();
}

/** Scrolls to about where a row is. */
async function reach(page: Page, number: number): Promise<void> {
  await page.evaluate((share) => {
    const table = document.querySelector('.service-table')!.getBoundingClientRect();
    scrollTo(0, scrollY + table.top + table.height * share - innerHeight / 2);
  }, number / COUNT);
  await expect(row(page, name(number))).toBeInViewport();
}

/** How far below the upper edge of the window a row is. */
async function top(page: Page, number: number): Promise<number> {
  return (await row(page, name(number)).boundingBox())?.y ?? Number.NaN;
}

test('one scroll goes over a long list, and only what is near is in the document and asked for', async ({ page, signIn }) => {
  const asked: string[] = [];
  page.on('request', (request) => {
    if (request.url().endsWith('/rpc/list_services')) asked.push(request.postData() ?? '');
  });
  await signIn('viewer');
  await openList(page);
  await expect(page.getByRole('link', { name: 'Next page' })).toBeHidden();
  await expect(row(page, name(0))).toHaveAttribute('aria-rowindex', '2');
  expect(await rows(page).count()).toBeLessThan(150);
  for (const width of [1100, 1280, 1440, 1600]) {
    await page.setViewportSize({ width, height: 800 });
    const right = (selector: string) => page.locator(selector).first().evaluate((one) => one.getBoundingClientRect().right);
    const room = async () => Math.abs((await right('.service-table')) - (await right('.service-row .cell-actions')));
    await expect.poll(room, `the rows are as wide as the table at ${width}`).toBeLessThan(2);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeGreaterThan(COUNT * 45);

  await toEnd(page);
  await expect(row(page, name(COUNT - 1))).toHaveAttribute('aria-rowindex', String(COUNT + 1));
  expect(await rows(page).count()).toBeLessThan(150);
  expect(await row(page, name(0)).count(), 'the first row has left the document').toBe(0);
  expect(asked.some((body) => body.includes('"offset":200'))).toBe(true);
  expect(asked.some((body) => body.includes('"offset":100')), 'what is flung past is not asked for').toBe(false);

  await reach(page, 150);
  expect(await rows(page).count()).toBeLessThan(150);
  await toTop(page);
});

test('the list is walked with the keyboard, and what has the focus stays', async ({ page, signIn }) => {
  await signIn('viewer');
  await openList(page);
  const first = row(page, name(0)).getByRole('link', { name: name(0), exact: true });
  await first.focus();
  // The label of the service is a link too.
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await expect(row(page, name(1)).getByRole('link', { name: name(1), exact: true })).toBeFocused();
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Shift+Tab');
  await expect(first).toBeFocused();
  await toEnd(page);
  await expect(first, 'the row with the focus stays in the document').toBeFocused();
  expect(await row(page, name(1)).count(), 'those beside it do not').toBe(0);
  await page.keyboard.press('Tab');
  await expect(row(page, name(0)), 'the next stop is seen').toBeInViewport();
  await expect(row(page, name(1))).toBeVisible();
});

test('a change of a service far down changes its row and nothing else', async ({ page, pilothouse, signIn }) => {
  await signIn('viewer');
  await openList(page);
  await toEnd(page);
  await page.evaluate(() => {
    const changed: string[] = [];
    (globalThis as unknown as { changed: string[] }).changed = changed;
    const watch = new MutationObserver((records) => {
      for (const { target } of records) {
        const element = target instanceof Element ? target : target.parentElement;
        const link = element?.closest('.service-link');
        if (link) changed.push(link.textContent ?? '');
      }
    });
    watch.observe(document.querySelector('.service-table')!, { subtree: true, childList: true, characterData: true });
  });
  const path = `/api/services/${ids.get(297)}`;
  await pilothouse.call('PATCH', path, { name: 'thousand-297-renamed' });
  await expect(page.getByRole('link', { name: 'thousand-297-renamed', exact: true })).toBeInViewport();
  const changed = await page.evaluate(() => (globalThis as unknown as { changed: string[] }).changed);
  expect([...new Set(changed)]).toEqual(['thousand-297-renamed']);

  await toTop(page);
  await pilothouse.call('PATCH', path, { name: name(297) });
  await toEnd(page);
  await expect(page.getByRole('link', { name: name(297), exact: true }), 'a row that was not in the document has changed too').toBeVisible();
});

test('who comes or goes moves the others, but not what one looks at', async ({ page, pilothouse, signIn }) => {
  await signIn('viewer');
  await openList(page);
  await reach(page, 150);
  const before = await top(page, 150);
  const { id } = await pilothouse.call<{ id: string }>('POST', '/api/services', { name: 'a-thousand', source, labels: LABEL });
  await expect(page.getByText('301 services', { exact: true })).toBeVisible();
  await expect(row(page, name(150))).toHaveAttribute('aria-rowindex', '153');
  expect(Math.abs((await top(page, 150)) - before)).toBeLessThan(3);
  await pilothouse.call('DELETE', `/api/services/${id}`);
  await expect(page.getByText('300 services', { exact: true })).toBeVisible();
  await expect(row(page, name(150))).toHaveAttribute('aria-rowindex', '152');
  expect(Math.abs((await top(page, 150)) - before)).toBeLessThan(3);
  await pilothouse.call('DELETE', `/api/services/deleted/${id}`);
});

test('going back leads to the same place of the list', async ({ page, signIn }) => {
  await signIn('viewer');
  await openList(page);
  await reach(page, 200);
  const before = await top(page, 200);
  await row(page, name(200)).getByRole('link', { name: name(200), exact: true }).click();
  await expect(page.getByRole('heading', { name: name(200), level: 1 })).toBeVisible();
  await page.goBack();
  await expect(row(page, name(200))).toBeInViewport();
  await expect.poll(async () => Math.abs((await top(page, 200)) - before)).toBeLessThan(4);
  await page.reload();
  await expect(row(page, name(200))).toBeInViewport();
});

test('boxes stay ticked wherever their rows are, and all are chosen that match', async ({ page, signIn }) => {
  await signIn('developer');
  await openList(page);
  const bar = page.getByRole('form', { name: 'With those chosen' });
  const all = page.getByLabel(/^Choose all/);
  await page.getByLabel(`Choose ${name(0)}`).check();
  await expect(bar).toContainText('1 chosen');
  // The row with the focus stays in the document.
  await row(page, name(1)).getByRole('link', { name: name(1), exact: true }).focus();
  await toEnd(page);
  await expect(page.getByLabel(`Choose ${name(0)}`)).toHaveCount(0);
  await expect(bar).toBeVisible();
  await expect(bar).toContainText('1 chosen');
  await toTop(page);
  await expect(page.getByLabel(`Choose ${name(0)}`)).toBeChecked();

  await expect(all).toHaveAccessibleName(`Choose all ${COUNT} services that match`);
  await all.check();
  await expect(bar).toContainText(`${COUNT} chosen`);
  await toEnd(page);
  await expect(page.getByLabel(`Choose ${name(COUNT - 1)}`)).toBeChecked();
  await page.getByLabel(`Choose ${name(COUNT - 1)}`).uncheck();
  await expect(bar).toContainText(`${COUNT - 1} chosen`);
  await expect(all).not.toBeChecked();
  await page.getByLabel(`Choose ${name(COUNT - 1)}`).check();
  await expect(all).toBeChecked();
  await bar.getByRole('button', { name: 'Stop' }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(`Stop ${COUNT} services?`);
});

test('sorting begins at the top, and the list is as long in every order', async ({ page, signIn }) => {
  await signIn('viewer');
  await openList(page);
  await toEnd(page);
  await page.getByRole('columnheader', { name: 'Name' }).getByRole('link').click();
  await expect(row(page, name(COUNT - 1))).toHaveAttribute('aria-rowindex', '2');
  await expect(row(page, name(COUNT - 1))).toBeInViewport();
  await page.getByRole('searchbox', { name: 'Search services' }).fill('thousand-29');
  await expect(page.getByText('10 services', { exact: true })).toBeVisible();
  await expect(rows(page)).toHaveCount(10);
});

test.describe('a block that fails', () => {
  test.use({ expectedErrors: [/status of 503/] });

  test('says so in its place, and is tried again when asked to', async ({ page, signIn }) => {
    let isDown = true;
    await page.route('**/rpc/list_services', async (route) => {
      if (!isDown || !route.request().postData()?.includes('"offset":200')) return route.fallback();
      const error = { code: 'unavailable', message: 'the list is out', details: [], request_id: 'x' };
      await route.fulfill({ status: 503, contentType: 'application/json', body: JSON.stringify(error) });
    });
    await signIn('viewer');
    await openList(page);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    const failure = page.getByRole('alert').filter({ hasText: "These services can't be shown now" });
    await expect(failure).toBeInViewport();
    isDown = false;
    // On a busy machine the page may have read the list again by itself, and the button is gone.
    await expect(async () => {
      const again = failure.getByRole('button', { name: 'Try again' });
      if (await again.isVisible()) await again.click({ timeout: 5_000 });
      await expect(failure).toHaveCount(0, { timeout: 5_000 });
    }).toPass();
    await toEnd(page);
  });
});

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('the list is one too, and fits', async ({ page, signIn }) => {
    await signIn('viewer');
    await openList(page);
    await toEnd(page);
    expect(await rows(page).count()).toBeLessThan(150);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await reach(page, 150);
    await page.setViewportSize({ width: 844, height: 390 });
    await expect(row(page, name(150))).toBeAttached();
    await toTop(page);
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('the list is in pages of 100', async ({ page, signIn }) => {
    await signIn('viewer');
    await page.goto(LIST);
    for (const first of [0, 100, 200]) {
      await expect(rows(page)).toHaveCount(100);
      await expect(row(page, name(first))).toBeVisible();
      await expect(row(page, name(first + 99))).toBeAttached();
      const next = page.getByRole('link', { name: 'Next page' });
      await expect(next).toHaveCount(first < 200 ? 1 : 0);
      if (first < 200) await next.click();
    }
    await page.getByRole('link', { name: 'First page' }).click();
    await expect(row(page, name(0))).toBeVisible();
  });
});
