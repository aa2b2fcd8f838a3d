"""jars.py: what Maven has: the class path of a pom, asked for once and remembered beside the other caches of the tests.

The jars themselves stay in Maven's own repository (~/.m2). Missing() says in a sentence why a JVM cannot be had on this machine.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess

FETCH_SECONDS = 600
# Fluss reaches into buffers by reflection.
JVM = ["--add-opens=java.base/java.nio=ALL-UNNAMED"]


class Missing(Exception):
    """A tool or an artifact is not there: the test is skipped with this sentence."""


def cache():
    place = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "sluice-tests")
    os.makedirs(place, exist_ok=True)
    return place


def java():
    home = os.environ.get("JAVA_HOME")
    if home and os.access(os.path.join(home, "bin", "java"), os.X_OK):
        return os.path.join(home, "bin", "java")
    found = shutil.which("java")
    if not found:
        raise Missing("no java on this machine (Debian: apt-get install openjdk-17-jdk-headless)")
    return found


def class_path(pom):
    """The class path of a pom's dependencies. Two processes that ask at once fetch once."""
    java()
    if not shutil.which("mvn"):
        raise Missing("no mvn on this machine (Debian: apt-get install maven)")
    with open(pom, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:12]
    kept = os.path.join(cache(), f"class-path-{digest}")
    with open(kept + ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(kept):
            with open(kept) as file:
                path = file.read().strip()
            if all(os.path.exists(jar) for jar in path.split(":")):
                return path
        try:
            run = subprocess.run(["mvn", "-q", "-B", "-f", pom, "dependency:build-classpath", f"-Dmdep.outputFile={kept}.part"],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=FETCH_SECONDS, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired:
            raise Missing(f"Maven did not bring the jars of {os.path.basename(pom)} within {FETCH_SECONDS} s")
        if run.returncode != 0:
            errors = [line for line in run.stdout.splitlines() if "ERROR" in line] or ["no word from it"]
            raise Missing(f"Maven cannot bring the jars of {os.path.basename(pom)}: {errors[0]}")
        os.replace(kept + ".part", kept)
    with open(kept) as file:
        return file.read().strip()


def beside(artifact, version):
    """A jar of Fluss whose pom cannot be resolved: fetched alone."""
    folder = os.path.join(cache(), "beside")
    jar = os.path.join(folder, f"{artifact}-{version}.jar")
    if not os.path.exists(jar):
        run = subprocess.run(["mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:2.10:copy",
                              f"-Dartifact=org.apache.fluss:{artifact}:{version}", f"-DoutputDirectory={folder}"],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, timeout=FETCH_SECONDS)
        if run.returncode != 0 or not os.path.exists(jar):
            raise Missing(f"Maven cannot bring {artifact}: {(run.stdout.strip().splitlines() or ['no word from it'])[0]}")
    return jar
