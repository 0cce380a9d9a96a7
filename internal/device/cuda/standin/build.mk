# The stand-in driver, for tests: kernels.cu and the driver's calls, run by this
# machine's processor. The root Makefile includes this file.

STANDIN := internal/device/cuda/standin
STANDINFLAGS := -std=c++17 -O2 -g1 -march=native -ffp-contract=off -fPIC -Wall -Wno-unknown-pragmas -Wno-unused-function -I$(STANDIN)/src
STANDINSOURCES := $(filter-out $(STANDIN)/src/kernels.cpp,$(wildcard $(STANDIN)/src/*.cpp))
STANDINOBJECTS := $(patsubst $(STANDIN)/src/%.cpp,build/standin/%.o,$(STANDINSOURCES))

## standin: build/standin/libcuda.so.1, which tests run the GPU path on (IMGCLS_LIBCUDA names it)
.PHONY: standin
standin: build/standin/libcuda.so.1

build/standin/libcuda.so.1: $(STANDINOBJECTS) build/standin/kernels.o
	$(CXX) -shared -Wl,-soname,libcuda.so.1 -o $@ $^ -pthread

build/standin/%.o: $(STANDIN)/src/%.cpp $(wildcard $(STANDIN)/src/*.h)
	@mkdir -p build/standin
	$(CXX) $(STANDINFLAGS) -c -o $@ $<

# The kernels' names and bounds are taken from the source as the compiler sees it,
# so those that macros make are among them.
build/standin/kernels.inc: kernels.cu $(wildcard internal/kernels/cuda/*.cuh) $(wildcard $(STANDIN)/src/*.h)
	@mkdir -p build/standin
	$(CXX) $(STANDINFLAGS) -DSTANDIN_LIST -E -P -x c++ -include $(STANDIN)/src/language.h kernels.cu | tr -s '\n\t ' ' ' | \
		grep -oE 'STANDIN_GLOBAL void (STANDIN_BOUNDS\([^)]*\) )?[a-z0-9_]+\(' | \
		sed -E 's/STANDIN_GLOBAL void STANDIN_BOUNDS\(([^)]*)\) ([a-z0-9_]+)\(/KERNEL(\2, (\1))/; s/STANDIN_GLOBAL void ([a-z0-9_]+)\(/KERNEL(\1, 1024)/' > $@
	@test -s $@

build/standin/kernels.o: $(STANDIN)/src/kernels.cpp build/standin/kernels.inc
	$(CXX) $(STANDINFLAGS) -DSTANDIN_SOURCE='"$(CURDIR)/kernels.cu"' -DSTANDIN_TABLE='"$(CURDIR)/build/standin/kernels.inc"' -c -o $@ $<
