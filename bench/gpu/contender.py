"""The other side of the talk of internal/bench: a process that is asked to work."""
import argparse
import json
import subprocess


def options(doc):
    """The command line of a script that asks one and writes a file of rows."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("imgcls")
    parser.add_argument("out")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--limit", type=float, default=1e9)
    return parser.parse_args()


class Failed(Exception):
    """What a contender answered instead of working, and its exit code for that."""

    def __init__(self, why, code=1):
        super().__init__(why)
        self.code = code


class Contender:
    def __init__(self, *argv):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.hello = self.read()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.stdin.close()
            raise Failed(self.process.stderr.read().strip()[-500:] or f"ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, request):
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # read says why
        answer = self.read()
        if answer.get("error"):
            raise Failed(answer["error"], answer.get("exit", 1))
        return answer

    def open(self, work):
        return self.ask("open " + json.dumps(work))

    def run(self, seconds):
        return self.ask(f"run {seconds}")

    def dump(self, path):
        return self.ask(f"dump {path}")["outputs"]

    def close(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
