"""hosts_net.py: hosts on one machine: network namespaces whose only way to each other is a switch of ours, which loses, delays, reorders and
cuts packets as it is told.

The device of a namespace is a tun device whose other end the switch, a process of its own, holds: what netem would do needs no module of the
kernel (sch_netem is not in every one), and a rule is of one direction between two hosts. A host has a boot id of its own, too, so that what
runs there is not taken for a process of this machine. Names carry our pid; everything goes when the switch is closed, and what a killed test
left is swept by the next one. Takes root, `ip` and /dev/net/tun."""
import fcntl
import heapq
import json
import os
import random
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
MTU = 9000
PACKET_BYTES = 65536
NET = "10.87.0"


def ip(*words, check=True):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def missing():
    """Why there can be no hosts here; None: there can."""
    if os.geteuid() != 0:
        return "namespaces take root"
    for name in ("ip", "unshare"):
        if shutil.which(name) is None:
            return f"there is no `{name}` (packages iproute2, util-linux)"
    name = f"slu-{os.getpid()}-try"
    try:
        ip("netns", "add", name)
        os.close(tun_open(f"slut{os.getpid() % 10**6}"))
    except (OSError, RuntimeError) as why:
        return f"no namespaces or tun devices here: {why}"
    finally:
        ip("netns", "del", name, check=False)
    return None


def sweep():
    """Namespaces of tests that are dead."""
    for line in ip("netns", "list", check=False).splitlines():
        words = line.split()[0].split("-") if line else []
        if len(words) == 3 and words[0] == "slu" and words[1].isdigit() and not os.path.exists(f"/proc/{words[1]}"):
            ip("netns", "del", "-".join(words), check=False)


def tun_open(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    except OSError:
        os.close(fd)
        raise
    return fd


class Switch:
    """The packets' way: rules[(from, to)] or the rule of all is (loss in percent, delay ms, jitter ms)."""

    def __init__(self, fds, commands, seed):
        self.fds, self.commands = fds, commands  # last byte of the address: descriptor
        self.chance = random.Random(seed)
        self.rules, self.all = {}, (0.0, 0.0, 0.0)
        self.held, self.number = [], 0

    def command(self):
        text = self.commands.recv(PACKET_BYTES)
        if not text:
            os._exit(0)  # the test is gone
        for line in text.decode().splitlines():
            source, target, rule = json.loads(line)
            if source is None:
                self.all = rule
            elif rule is None:
                self.rules.pop((source, target), None)
            else:
                self.rules[(source, target)] = rule

    def take(self, source):
        try:
            packet = os.read(self.fds[source], PACKET_BYTES)
        except OSError:
            return
        if len(packet) < 20 or packet[0] >> 4 != 4 or packet[19] not in self.fds:
            return  # no IPv4 for one of us
        loss, delay, jitter = self.rules.get((source, packet[19]), self.all)
        if self.chance.uniform(0, 100) < loss:
            return
        self.number += 1
        due = time.monotonic() + (delay + self.chance.uniform(0, jitter)) / 1000
        heapq.heappush(self.held, (due, self.number, packet[19], packet))

    def give(self):
        while self.held and self.held[0][0] <= time.monotonic():
            _, _, target, packet = heapq.heappop(self.held)
            try:
                os.write(self.fds[target], packet)
            except OSError:
                pass  # no room, or the host is gone: lost

    def run(self):
        ready = selectors.DefaultSelector()
        ready.register(self.commands, selectors.EVENT_READ, None)
        for host, fd in self.fds.items():
            ready.register(fd, selectors.EVENT_READ, host)
        while True:
            wait = max(0.0, self.held[0][0] - time.monotonic()) if self.held else None
            for key, _ in ready.select(wait):
                self.command() if key.data is None else self.take(key.data)
            self.give()


class Hosts:
    """hosts: names; each has an address and words before a command line that run it there."""

    def __init__(self, names, work, seed):
        sweep()
        self.names, self.work, self.made, self.pid = names, work, [], None
        self.number = {name: i + 1 for i, name in enumerate(names)}
        self.socket, other = socket.socketpair()
        fds = {}
        try:
            for name in names:
                fds[self.number[name]] = self.make(name)
            self.pid = os.fork()
        except BaseException:
            self.close()
            raise
        if self.pid == 0:
            self.socket.close()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            try:
                Switch(fds, other, seed).run()
            finally:
                os._exit(1)
        for fd in fds.values():
            os.close(fd)
        other.close()

    def space(self, name):
        return f"slu-{os.getpid()}-{self.number[name]}"

    def address(self, name):
        return f"{NET}.{self.number[name]}"

    def make(self, name):
        space, device = self.space(name), f"slu{os.getpid()}t{self.number[name]}"
        ip("netns", "add", space)
        self.made.append(space)
        fd = tun_open(device)
        ip("link", "set", device, "netns", space)
        ip("-n", space, "addr", "add", f"{self.address(name)}/24", "dev", device)
        ip("-n", space, "link", "set", device, "mtu", str(MTU), "up")
        ip("-n", space, "link", "set", "lo", "up")
        with open(f"{self.work}/boot-{name}", "w") as file:
            file.write(f"00000000-0000-4000-8000-{self.number[name]:012d}\n")
        return fd

    def place(self, name):
        """For stack.py."""
        boot = 'mount --bind "$1" /proc/sys/kernel/random/boot_id && shift && exec "$@"'
        words = ["ip", "netns", "exec", self.space(name), "unshare", "-m", "sh", "-c", boot, "sh", f"{self.work}/boot-{name}"]
        return words, self.address(name)

    def say(self, source, target, rule):
        self.socket.sendall(json.dumps([source, target, rule]).encode() + b"\n")

    def weather(self, loss, delay_ms, jitter_ms):
        self.say(None, None, [loss, delay_ms, jitter_ms])

    def link(self, source, target, rule):
        """One direction; None: as all are."""
        self.say(self.number[source], self.number[target], rule)

    def cut(self, name, others):
        for other in others:
            self.link(name, other, [100, 0, 0])
            self.link(other, name, [100, 0, 0])

    def heal(self, name, others):
        for other in others:
            self.link(name, other, None)
            self.link(other, name, None)

    def close(self):
        self.socket.close()
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None
        while self.made:
            ip("netns", "del", self.made.pop(), check=False)
