"""Puts what the steps of run.sh left in OUT into OUT/results.json, and prints the table.
Ends with 1 where a step failed.

    results.py OUT COMMIT-FILE
"""
import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone


def load(path):
    """What a file of JSON holds, or None where it is not there or was not finished."""
    try:
        with open(path) as f:
            return json.load(f)
    except (OSError, ValueError):
        return None


def steps(folder):
    """Each step with its verdict, in the order in which they ended."""
    found = []
    files = [os.path.join(folder, f) for f in os.listdir(folder) if f.endswith(".step")]
    for path in sorted(files, key=os.path.getmtime):
        with open(path) as f:
            name, verdict, code, seconds, limit, said = f.read().rstrip("\n").split("\t")
        found.append({"name": name, "verdict": verdict, "exit": int(code), "seconds": int(seconds), "limit": int(limit), "said": said})
    return found


def driver():
    """The driver's own word, where its tool is there."""
    try:
        text = subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"],
                              capture_output=True, text=True, timeout=20, check=True).stdout
        return [dict(zip(("name", "driver", "capability"), line.split(", "))) for line in text.strip().splitlines()]
    except (OSError, subprocess.SubprocessError):
        return []


def versions():
    try:
        import torch
    except ImportError:
        return {"python": platform.python_version()}
    found = {"python": platform.python_version(), "torch": torch.__version__, "cuda": torch.version.cuda}
    if torch.cuda.is_available():
        found["cudnn"] = torch.backends.cudnn.version()
    return found


def own(version):
    """The binary's word on itself without its name, and without a commit that it does not
    know: the kit's own file has it."""
    return version and version.removeprefix("imgcls ").replace(" (commit unknown)", "")


def of_kernels(rows):
    """Lines of the table: each kernel's times."""
    def us(row, key):
        return f"{1e6 * row[key]:.1f}" if row.get(key) else "–"

    yield "| kernel | precision | right | imgcls µs | PyTorch µs | graphed µs | with TF32 µs | floor µs | PyTorch ÷ imgcls |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for r in rows:
        ratio = f"{r['ratio']:.2f}" if r.get("ratio") else "–"
        yield (f"| {r['name']} | {r['precision']} | {'yes' if r['right'] else 'NO'} | {us(r, 'imgcls_s')} | {us(r, 'torch_s')} | {us(r, 'torch_graph_s')} | "
               f"{us(r, 'torch_tf32_graph_s')} | {us(r, 'floor_s')} | {ratio} |")


def of_models(rows):
    ways = ["imgcls", "eager", "compiled", "graphed", "compiled, graphed"]
    yield "| training, images/s | precision | size | batch | " + " | ".join(ways) + " |"
    yield "|---|---|---|---|" + "---|" * len(ways)
    for r in rows:
        cells = [f"{r['images_per_second'][w]:.0f}" if w in r["images_per_second"] else "–" for w in ways]
        yield f"| {r['model']} | {r['precision']} | {r['size']}² | {r['batch']} | " + " | ".join(cells) + " |"


def main():
    out, commit = sys.argv[1:3]
    doctor, kernels, models = (load(os.path.join(out, f"{name}.json")) or {} for name in ("doctor", "kernels", "models"))
    with open(commit) as f:
        commit = f.read().strip()
    results = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"), "commit": commit, "standin": "IMGCLS_LIBCUDA" in os.environ,
        "devices": driver(), "doctor": doctor, "versions": {"imgcls": own(doctor.get("version")), **versions()},
        "steps": steps(os.path.join(out, "steps")), "kernels": kernels.get("rows", []), "models": models.get("rows", []),
        "imgcls": load(os.path.join(out, "imgcls.json")) or [],
    }
    with open(os.path.join(out, "results.json"), "w") as f:
        json.dump(results, f, indent=1)
    names = ", ".join(f"{g['name']} (driver {g['driver']}, {g['capability']})" for g in results["devices"])
    lines = [f"{results['date']}, commit {commit}, {names if names and not results['standin'] else 'no GPU here'}, " +
             ", ".join(f"{k} {v}" for k, v in results["versions"].items() if v), ""]
    lines += [*of_kernels(results["kernels"]), "", *of_models(results["models"]), ""]
    for s in results["steps"]:
        verdict = s["verdict"] + (f" {s['limit']} s" if s["verdict"] == "ran past" else f" ({s['exit']})" if s["verdict"] == "FAILED" else "")
        lines.append(f"{s['name']:20} {verdict:16} {s['seconds']:4} s  {s['said']}")
    text = "\n".join(lines)
    with open(os.path.join(out, "results.md"), "w") as f:
        f.write(text + "\n")
    print(text)
    sys.exit(any(s["verdict"] in ("FAILED", "ran past") for s in results["steps"]))


if __name__ == "__main__":
    main()
