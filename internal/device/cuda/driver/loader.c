//go:build cuda && linux && cgo

// Finds in libcuda.so.1 what trampolines.S jumps to.
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "loader.h"

enum { NO_DEVICE = 100, NOT_FOUND = 500 }; // CUresult

#define SYMBOL(name) #name,
static const char *const names[] = {
#include "symbols.h"
};
#undef SYMBOL

extern void *imgcls_driver_slots[]; // one for each name, in trampolines.S

static pthread_once_t once = PTHREAD_ONCE_INIT;
static void *library;
static char path[4096], missing[4352];

static void open_library(void) {
	const char *set = getenv("IMGCLS_LIBCUDA");
	snprintf(path, sizeof path, "%s", set && *set ? set : "libcuda.so.1");
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library) {
		const char *why = dlerror();
		snprintf(missing, sizeof missing, "%s", why ? why : path);
	}
}

static int no_device(void) { return NO_DEVICE; }
static int not_found(void) { return NOT_FOUND; }

void *imgcls_driver_find(unsigned index) {
	pthread_once(&once, open_library);
	void *call = library ? dlsym(library, names[index]) : (void *)no_device;
	if (!call) call = (void *)not_found;
	__atomic_store_n(&imgcls_driver_slots[index], call, __ATOMIC_RELEASE);
	return call;
}

// cu's package initialisation calls it, before it is known whether a GPU is wanted.
int cuInit(unsigned flags) { (void)flags; return 0; }

int imgcls_driver_init(void) {
	pthread_once(&once, open_library);
	if (!library) return NO_DEVICE;
	int (*init)(unsigned) = (int (*)(unsigned))dlsym(library, "cuInit");
	if (!init) {
		snprintf(missing, sizeof missing, "%s: no cuInit in it: not an NVIDIA driver", path);
		return NOT_FOUND;
	}
	return init(0);
}

const char *imgcls_driver_path(void) { return path; }
const char *imgcls_driver_missing(void) { return missing; }
