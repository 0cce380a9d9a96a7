# The stand-in driver, for tests: kernels.cu and the driver's calls, run by this
# machine's processor. The root Makefile includes this file. Other kernels than
# kernels.cu have their place in STANDINKERNELS, and their library in STANDINBUILD.
# SANITIZE=address,undefined builds with these sanitizers of g++; the program that
# loads the library must have them too.

STANDIN := internal/device/cuda/standin
STANDINBUILD ?= build/standin
STANDINKERNELS ?= $(CURDIR)/kernels.cu
STANDINFLAGS := -std=c++17 $(if $(SANITIZE),-O1,-O2) -g1 -march=native -ffp-contract=off -fPIC -fstack-clash-protection -Wall -Wno-unknown-pragmas -Wno-unused-function \
	$(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all) -I$(STANDIN)/src
STANDINSOURCES := $(filter-out $(STANDIN)/src/kernels.cpp,$(wildcard $(STANDIN)/src/*.cpp))
STANDINOBJECTS := $(patsubst $(STANDIN)/src/%.cpp,$(STANDINBUILD)/%.o,$(STANDINSOURCES))

## standin: build/standin/libcuda.so.1, which tests run the GPU path on (IMGCLS_LIBCUDA names it)
.PHONY: standin
standin: $(STANDINBUILD)/libcuda.so.1

$(STANDINBUILD)/libcuda.so.1: $(STANDINOBJECTS) $(STANDINBUILD)/kernels.o
	$(CXX) $(STANDINFLAGS) -shared -Wl,-soname,libcuda.so.1 -o $@ $^ -pthread

$(STANDINBUILD)/%.o: $(STANDIN)/src/%.cpp $(wildcard $(STANDIN)/src/*.h)
	@mkdir -p $(STANDINBUILD)
	$(CXX) $(STANDINFLAGS) -c -o $@ $<

# The kernels' names and bounds are taken from the source as the compiler sees it,
# so those that macros make are among them.
$(STANDINBUILD)/kernels.inc: $(STANDIN)/build.mk $(STANDINKERNELS) $(wildcard internal/kernels/cuda/*.cuh) $(wildcard $(STANDIN)/src/*.h)
	@mkdir -p $(STANDINBUILD)
	$(CXX) $(STANDINFLAGS) -DSTANDIN_LIST -E -P -x c++ -include $(STANDIN)/src/language.h $(STANDINKERNELS) | tr -s '\n\t ' ' ' | \
		grep -oE 'STANDIN_GLOBAL void (STANDIN_BOUNDS\([^)]*\) )?[a-z0-9_]+\(' | \
		sed -E 's/STANDIN_GLOBAL void STANDIN_BOUNDS\(([^,)]*)[^)]*\) ([a-z0-9_]+)\(/KERNEL(\2, (\1))/; s/STANDIN_GLOBAL void ([a-z0-9_]+)\(/KERNEL(\1, 1024)/' > $@
	@test -s $@

$(STANDINBUILD)/kernels.o: $(STANDIN)/src/kernels.cpp $(STANDINBUILD)/kernels.inc
	$(CXX) $(STANDINFLAGS) -DSTANDIN_SOURCE='"$(STANDINKERNELS)"' -DSTANDIN_TABLE='"$(abspath $(STANDINBUILD))/kernels.inc"' -c -o $@ $<
