import { expect, open, states, test } from '../fixtures.ts';

// Takes the socket that it is handed, answers who it is, and answers what it has accepted before it ends.
const SERVER = `
import http.server, os, signal, socket, threading

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False

server = Server(('127.0.0.1', 0), Answers, bind_and_activate=False)
server.socket = socket.socket(fileno=3)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
`;

test('a restart without a break is seen on the page, and by nobody who asks the service meanwhile', async ({ page, pilothouse, signIn }) => {
  const source = { command: ['python3', '-c', SERVER], working_dir: '/tmp' };
  const { id } = await pilothouse.call<{ id: string }>('POST', '/api/services', { name: 'steady', source, handover: true });
  const { port } = await pilothouse.running('steady');
  await signIn('developer');
  await open(page, `/services/${id}`);
  await expect(page.getByRole('main')).toContainText('Without a break: a new copy takes its place');

  const answered: string[] = [];
  const failed: unknown[] = [];
  let isAsked = true;
  const asking = (async () => {
    while (isAsked) {
      // A connection each: one that is kept would go to the first copy until that ends.
      const answer = fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
      await answer.then((answer) => answer.text()).then((pid) => answered.push(pid), (error) => failed.push(error));
    }
  })();
  await page.getByRole('button', { name: 'Restart steady', exact: true }).click();
  await page.getByRole('dialog', { name: 'Restart steady?' }).getByRole('button', { name: 'Restart' }).click();
  await expect(page.getByRole('main'), 'its log says so').toContainText('is restarted without a break: a new copy is started');
  await expect(states(page), 'it runs all the time').toContainText('Running');
  // For a while both are there, and what starts them.
  const isSecondAlone = async () => {
    const { pids } = await pilothouse.call<{ pids: number[] }>('GET', `/api/services/${id}`);
    return new Set(answered).size === 2 && pids.join() === answered.at(-1);
  };
  await expect.poll(isSecondAlone, { timeout: 60_000 }).toBe(true);
  await expect(page.locator('.service-head-reason'), 'it is over').toHaveCount(0);
  isAsked = false;
  await asking;
  expect(failed).toEqual([]);
  expect(new Set(answered).size).toBe(2);
  await pilothouse.stopped('steady');
  await pilothouse.call('DELETE', `/api/services/${id}`);
});
