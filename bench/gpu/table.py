"""Prints the rows of `imgcls bench --format json` on one line."""
import json
import sys

rows = json.load(open(sys.argv[1]))
print("; ".join(f"{r['mode']} {r['precision']} {r['batch']}: {r['images_per_second']:.0f}/s" for r in rows))
