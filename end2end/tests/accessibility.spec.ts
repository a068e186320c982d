import { violations } from '../axe.ts';
import { alive, expect, test } from '../fixtures.ts';

// axe puts styles of its own into the page, which the page's policy rightly refuses.
test.use({ bypassCSP: true });

for (const theme of ['dark', 'light'] as const) {
  test.describe(`the ${theme} theme`, () => {
    test.use({ colorScheme: theme });

    test(`has no fault that axe finds (${theme})`, async ({ page, pilothouse, signIn }) => {
      const { id } = await pilothouse.running('orders');
      await pilothouse.deleted(`gone-${theme}`);
      await pilothouse.call('PATCH', `/api/services/${id}`, { labels: { team: 'shop' } });
      const payments = await pilothouse.service('payments');
      await pilothouse.call('PATCH', `/api/services/${payments.id}`, { depends_on: [id], environment: { CACHE_URL: 'redis://cache.internal' } });
      await pilothouse.call('PUT', '/api/secrets/axe.secret', { value: 'not a secret', description: 'of the tests' });
      await page.goto('/sign-in');
      expect.soft(await violations(page), 'sign-in').toEqual([]);
      await signIn('admin');
      for (const path of ['/', '/services', `/services/${id}`, `/services/${id}/metrics`, `/services/${id}/logs`, `/services/${id}/dependencies`, `/services/${id}/activity`, `/services/${id}/settings`, `/services/${id}/configuration`, `/services/${id}/configuration?view=raw`, `/services/${id}/configuration/versions?from=1&to=1`, '/services/new', '/services/compose', '/services/bulk?action=restart', '/services/deleted', '/services?label=team', '/dependencies', '/secrets', '/secrets/axe.secret', '/secrets/import', '/configuration?check=true', '/configuration/change', '/configuration/apply', '/configuration/import', '/configuration/backup', '/deployments', `/services/${id}/deployments`, `/services/${id}/deployments/roll-back?to=1`, '/activity']) {
        await page.goto(path);
        await alive(page);
        await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
        expect.soft(await violations(page), path).toEqual([]);
      }
      await page.keyboard.press('Control+k');
      await expect(page.getByRole('dialog', { name: 'Find or do' }).getByRole('option').first()).toBeVisible();
      expect.soft(await violations(page), 'palette').toEqual([]);
      await pilothouse.call('PATCH', `/api/services/${payments.id}`, { depends_on: [], environment: {} });
      await pilothouse.call('DELETE', '/api/secrets/axe.secret');
    });
  });
}
