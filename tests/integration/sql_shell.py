#!/usr/bin/env python3
"""sql_shell.py PROGRAM: the prompt of `sluice sql` on a terminal of its own: lines, history, TAB, Ctrl-C, commands, timing, formats."""
import os, pty, re, select, signal, subprocess, sys, tempfile, time

PROGRAM = sys.argv[1]


class Terminal:
    def __init__(self, arguments, home):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(HOME=home, TERM="xterm", COLUMNS="80")
            os.execv(arguments[0], arguments)
        self.seen = ""

    def expect(self, text, seconds=15):
        """Waits for the text behind what was expected before; returns what came in front of it."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            if time.monotonic() > end:
                raise SystemExit(f"no {text!r} within {seconds} s; there is {self.seen!r}")
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.fd, 65536).decode(errors="replace").replace("\r\n", "\n")
                except OSError:
                    if text not in self.seen:
                        raise SystemExit(f"the shell ended before {text!r}; there is {self.seen!r}")
        before, self.seen = self.seen.split(text, 1)
        return before

    def say(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            if select.select([self.fd], [], [], 0.05)[0]:
                try:
                    os.read(self.fd, 65536)
                except OSError:
                    pass
        os.kill(self.pid, signal.SIGKILL)
        raise SystemExit("the shell does not end")


def session(address, home):
    t = Terminal([PROGRAM, "sql", "-b", address], home)
    t.expect("sluice> ")
    t.say("create table people (id BIGINT, surname STRING,\n")
    t.expect("...> ")
    t.say("primary key (id) not enforced);\n")
    t.expect("OK")
    t.expect("Time: ")
    t.expect("sluice> ")
    t.say("insert into people values (1, 'a;b'), (2, 'c');\n")
    t.expect("2 rows inserted")
    t.expect("sluice> ")
    # A ';' in a string ends nothing.
    t.say("select id from people where surname = 'a;\n")
    t.expect("...> ")
    t.say("';\n")
    t.expect("(0 rows)")
    t.expect("sluice> ")
    # TAB: a keyword, a table, a column of it.
    t.say("sel\t")
    t.expect("SELECT ")
    t.say("id from peo\t")
    t.expect("ple ")
    t.say("where surn\t")
    t.expect("ame ")
    t.say("= 'c';\n")
    t.expect("(1 row)")
    t.expect("sluice> ")
    # Ctrl-C drops a line, and what was begun before it.
    t.say("select 1,\n")
    t.expect("...> ")
    t.say("2 oops\x03")
    t.expect("^C\n")
    t.expect("sluice> ")
    t.say("select 42 x;\n")
    t.expect("42\n")
    t.expect("sluice> ")
    # Ctrl-C ends a query, not the shell.
    t.say("with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n;\n")
    t.expect("from n;\n")
    time.sleep(0.3)
    t.say("\x03")
    t.expect("error: interrupted", 5)
    t.expect("sluice> ")
    # Commands, those of psql among them, and formats.
    t.say(".mode csv\n")
    t.expect("sluice> ")
    t.say("select id, surname from people order by id;\n")
    t.expect("id,surname\n1,a;b\n2,c\n")
    t.say(".mode json\nselect id from people where id = 2;\n")
    t.expect('[\n  {"id": 2}\n]\n')
    t.say(".mode table\n.tables\n")
    t.expect("people")
    t.say("\\d people\n")
    t.expect("surname  STRING")
    t.say(".schema people\n")
    t.expect("PRIMARY KEY (`id`) NOT ENFORCED")
    t.say(".timing off\n")
    t.expect("Timing is off.")
    t.say(".tabels\n")
    t.expect("did you mean .tables?")
    t.say(".help\n")
    help_lines = t.expect("Ctrl-D leaves.").split("\n")
    assert max(map(len, help_lines)) <= 80, help_lines
    t.expect("sluice> ")
    t.say("select * from peple;\n")
    t.expect("did you mean people?")
    t.expect("sluice> ")
    t.say("\x04")
    assert t.end() == 0
    # The next shell remembers: the arrow brings back a whole statement, on one line.
    t = Terminal([PROGRAM, "sql", "-b", address], home)
    t.expect("sluice> ")
    t.say("\x1b[A\x1b[A")
    t.expect(".help")
    t.say("\x01\x0b.quit\n")
    assert t.end() == 0
    assert "create\\040table\\040people\\040(id\\040BIGINT,\\040surname\\040STRING,\\040primary" in \
        open(os.path.join(home, ".sluice_history")).read()
    assert os.stat(os.path.join(home, ".sluice_history")).st_mode & 0o077 == 0


def stopped_server(address, server, home):
    """Ctrl-C ends a query that waits for a server that does not answer."""
    t = Terminal([PROGRAM, "sql", "-b", address], home)
    t.expect("sluice> ")
    os.kill(server.pid, signal.SIGSTOP)
    try:
        t.say("select * from people;\n")
        t.expect("people;\n")
        time.sleep(0.3)
        began = time.monotonic()
        t.say("\x03")
        t.expect("error: interrupted", 5)
        assert time.monotonic() - began < 2
        t.expect("sluice> ")
    finally:
        os.kill(server.pid, signal.SIGCONT)
    t.say("select count(*) from people;\n.quit\n")
    t.expect("2\n")
    assert t.end() == 0


def piped(address):
    """The same words from a pipe: the first failure ends it, and says so in the exit code."""
    run = subprocess.run([PROGRAM, "sql", "-b", address, "--timing", "-f", "csv"], input=".mode csv\nselect 1 a;\n.nope\nselect 2;\n",
                         capture_output=True, text=True, timeout=30)
    assert (run.returncode, run.stdout) == (1, "a\n1\n"), run
    assert re.search(r"^Time: \d", run.stderr) and "unknown command .nope" in run.stderr, run


with tempfile.TemporaryDirectory() as work:
    log = open(os.path.join(work, "log"), "w+")
    server = subprocess.Popen([PROGRAM, "server", "--listen", "127.0.0.1:0", "--data-dir", os.path.join(work, "server")], stderr=log)
    try:
        for _ in range(100):
            said = open(os.path.join(work, "log")).read()
            if "ready at" in said:
                break
            time.sleep(0.1)
        where = re.search(r"^server: ready at (\S+)", said, re.M).group(1)
        session(where, work)
        stopped_server(where, server, work)
        piped(where)
    finally:
        server.terminate()
        server.wait(10)
print("ok")
