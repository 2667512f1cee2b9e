# tapegrad: make, make check, make demo, make bench, make install; each variant has its own directory, build/<variant>/.
# Needs gcc or clang, pkg-config, OpenBLAS (OpenMP build), zlib, jansson, libzip; cmocka for the tests. tools/setup.sh installs them.

ifeq ($(origin CC),default)
CC := gcc
endif
PKG_CONFIG ?= pkg-config
CLANG   := $(findstring clang,$(CC))
VARIANT ?= $(if $(CLANG),clang,release)
B       := build/$(VARIANT)$(if $(CLANG),$(if $(filter-out clang,$(VARIANT)),-clang))
# What is built for, which need not be what it is built on.
TARGET  := $(shell $(CC) -dumpmachine)
X86_64  := $(filter x86_64-% amd64-%,$(TARGET))
VERSION := $(shell sed -n 's/.*define TG_VERSION "\(.*\)".*/\1/p' include/tapegrad/base.h)
SONAME  := libtapegrad.so.$(firstword $(subst ., ,$(VERSION)))
PREFIX  ?= /usr/local

# ---- flags: never -ffast-math (it loses NaN), never -march=native (what is installed has to run elsewhere) ----

OPT.debug   := -O0
OPT.asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
OPT.tsan    := -O1 -fno-omit-frame-pointer -fsanitize=thread
OPT.mutants := -O1 -DTG_MUTANTS
OPT.fuzz    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

CFLAGS   ?= $(or $(OPT.$(VARIANT)),-O3) -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror=implicit-function-declaration $(if $(CLANG),-Wno-pass-failed) $(if $(filter 1,$(WERROR)),-Werror)
DEPS     := openblas zlib jansson libzip
# clang's libomp also serves the OpenMP calls that OpenBLAS makes, so there is one pool of threads with either compiler
FLAGS    := -std=c11 $(WARNINGS) -fPIC -fvisibility=hidden -fno-math-errno -fopenmp -Iinclude -Isrc $(shell $(PKG_CONFIG) --cflags $(DEPS))
# glibc's vector functions, which gcc's loops call: not on every target
MVEC     := $(if $(findstring /,$(shell $(CC) -print-file-name=libmvec.so)),-lmvec)
LIBS     := $(shell $(PKG_CONFIG) --libs $(DEPS)) $(if $(CLANG),,$(MVEC)) -lm
COMPILE   = $(CC) $(FLAGS) $(CFLAGS) $(SPECIAL) $(CPPFLAGS) -MMD -MP -c -o $@ $<

ifneq ($(X86_64),)
%_avx2.o:   SPECIAL := -mavx2 -mfma
%_avx512.o: SPECIAL := -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512
endif
$B/tests/%.o: SPECIAL += -Itests/support
# Without the places of variables, which are a quarter of what kernels take to compile; and tests compute little themselves.
ifeq ($(OPT.$(VARIANT)),)
%_base.o %_avx2.o %_avx512.o: SPECIAL += -g1
$(patsubst %.c,$B/%.o,$(wildcard tests/*/test_*.c)): SPECIAL += -O1
endif
# Unrolls the loops of a few instructions alone, which would else wait for their own counting.
$B/src/kernels/isa/%.o: SPECIAL += $(if $(CLANG),,-funroll-loops --param max-unrolled-insns=48)
# clang 14 optimises kernels for minutes where both sanitizers' checks are in them.
ifeq ($B,build/asan-clang)
%_base.o %_avx2.o %_avx512.o: SPECIAL += -O0
endif
# Fuzzing looks at what reads files and what that calls; kernels are none of it.
ifeq ($(VARIANT),fuzz)
$(foreach d,src/io src/tensor src/graph tests/fuzz,$B/$d/%.o): SPECIAL += -fsanitize=fuzzer-no-link
$B/src/kernels/%.o: SPECIAL += -O0 -fno-sanitize=all
endif
# A yardstick for this machine, in no library. Compiled so and not linked so: that would flush the whole program's subnormals to zero.
# (clang 14 leaves exp scalar there: a limit with exp in it is a limit with gcc only.)
%bench/limits.o %bench/limits_rows.o %bench/limits_axes.o: SPECIAL := -O3 $(if $(X86_64),-march=native -mprefer-vector-width=512) -ffast-math $(if $(CLANG),-fveclib=libmvec -Wno-pass-failed)

# ---- what there is ----

# The macros of TG_LINES, which follow the prototypes of the headers.
ifneq ($(shell sh tools/lines.sh && echo written),written)
$(error tools/lines.sh could not write include/tapegrad/lines.h)
endif

ifneq ($(shell $(PKG_CONFIG) --exists $(DEPS) && echo there),there)
$(warning some of $(DEPS) is not installed: sh tools/setup.sh)
endif

# Compiled once for each instruction set, and the loops of pointwise ops for each chapter of them as well; special functions have scalar loops alone.
ISAS     := base $(if $(X86_64),avx2 avx512)
CHAPTERS := $(filter-out special,$(patsubst src/table/pointwise/%.def,%,$(wildcard src/table/pointwise/*.def)))
TILE_O   := $(ISAS:%=$B/src/kernels/isa/tiles_%.o)
LOOP_O   := $(foreach c,$(CHAPTERS),$(ISAS:%=$B/src/kernels/isa/$(c)_%.o))

LIB_C    := $(filter-out src/kernels/isa/%,$(wildcard src/*/*.c src/*/*/*.c))
LIB_O    := $(LIB_C:%.c=$B/%.o) $(TILE_O) $(LOOP_O)
HELPER_O := $(patsubst %.c,$B/%.o,$(wildcard tests/support/*.c))
TEST_ALL := $(patsubst %.c,$B/%,$(wildcard tests/*/test_*.c))
TESTS    ?= $(notdir $(TEST_ALL)) $(notdir $(wildcard tests/*/test_*.sh))
DEMOS    := $(patsubst %.c,$B/%,$(wildcard demos/*.c))
SAMPLE_O := $(patsubst %.c,$B/%.o,$(foreach f,samples* vary* random_* layouts complain gradient_checks unused_checks topic_list,$(wildcard tests/support/$f.c)))
GRADCHECK_O := $(patsubst %.c,$B/%.o,$(wildcard tools/gradcheck/*.c))
BENCH_O  := $(patsubst %.c,$B/%.o,$(wildcard bench/*.c))
TEST_X   := $(foreach t,$(filter-out %.sh,$(TESTS)),$(filter %/$t,$(TEST_ALL)))

EVALUATORS ?= reference fused

.PHONY: all lib check cross reference demo no-demo demos bench bench-ops benches ulp linear performance steady oracle gradients mutants differential jvp-graphs resume asan tsan valgrind \
    fuzz ops-table install format clean
.SECONDARY:

all: lib $B/tg-gradcheck
lib: $B/libtapegrad.a $B/libtapegrad.so
demos: $(DEMOS)
$B/src/show/page.o: src/show/report.css src/show/report.js # which are bytes of the library
benches: $B/bench/tg-bench

$B/libtapegrad.a: $(LIB_O)
	rm -f $@ && $(AR) rcs $@ $^

$B/$(SONAME): $(LIB_O)
	$(CC) $(CFLAGS) -fopenmp -shared -Wl,-soname,$(SONAME) -Wl,-Bsymbolic-functions -o $@ $^ $(LIBS) $(LDFLAGS)

$B/libtapegrad.so: $B/$(SONAME)
	ln -sf $(<F) $@

$B/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE)

$(TILE_O): $B/src/kernels/isa/tiles_%.o: src/kernels/isa/tiles.c
	@mkdir -p $(@D)
	$(COMPILE) -DISA=$*

$(LOOP_O): $B/src/kernels/isa/%.o: src/kernels/isa/pointwise.c
	@mkdir -p $(@D)
	$(COMPILE) -DISA=$(lastword $(subst _, ,$*)) -DCHAPTER='"table/pointwise/$(firstword $(subst _, ,$*)).def"'

LINK = $(CC) $(CFLAGS) -fopenmp -o $@ $^ $(LIBS) $(LDFLAGS)
# The programs whose models test_onnx.sh looks at.
ONNX_X := $(patsubst %.c,$B/%,$(wildcard tests/export/onnx/*.c))
$(ONNX_X): $B/%: $B/%.o $(HELPER_O) $B/libtapegrad.a
	$(LINK) -lcmocka
$(TEST_ALL): $B/%: $B/%.o $(HELPER_O) $B/libtapegrad.a
	$(LINK) -lcmocka
$B/demos/%: $B/demos/%.o $B/libtapegrad.a
	$(LINK)
$B/tools/%: $B/tools/%.o $B/libtapegrad.a
	$(LINK)
# The program's samples are the tests'. They need no cmocka, so that who only installs needs none. Its dynamic symbols are the whole library's, which
# shared objects with ops are checked with.
$B/libsamples.a: $(SAMPLE_O)
	rm -f $@ && $(AR) rcs $@ $^
$(GRADCHECK_O): SPECIAL += -Itests/support
$B/tg-gradcheck: $(GRADCHECK_O) $B/libsamples.a $B/libtapegrad.a
	$(CC) $(CFLAGS) -fopenmp -rdynamic -o $@ $(GRADCHECK_O) $B/libsamples.a -Wl,--whole-archive $B/libtapegrad.a -Wl,--no-whole-archive $(LIBS) -ldl $(LDFLAGS)
$B/bench/tg-bench: $(BENCH_O) $B/libtapegrad.a
	$(LINK) $(MVEC)

TORCH := /usr/include/torch/csrc/api/include
$B/bench/peer_torch: bench/peer_torch.cpp
	@mkdir -p $(@D)
	g++ -std=c++17 -O3 -I$(TORCH) -o $@ $< -ltorch -ltorch_cpu -lc10

# ---- running ----

# Every test, under each evaluator; the last line is "N passed, N failed". make check TESTS="test_show test_io" runs some of them, JOBS=1
# one at a time.
check: lib $B/tg-gradcheck benches $(TEST_X) $(if $(filter test_onnx.sh,$(TESTS)),$(ONNX_X)) $(if $(filter test_oracle.sh,$(TESTS)),$B/tests/oracle/driver)
	@BUILD='$B' CC='$(CC)' FLAGS='$(FLAGS) $(CFLAGS)' LIBS='$(LIBS) $(LDFLAGS)' EVALUATORS='$(EVALUATORS)' \
	    tests/run.sh $(TESTS)

# make demo lists the demos and trains on handwritten digits; make demo DEMO=xor runs one, with OPTIONS='--epochs 500'.
DEMO   := mnist_mlp
DEMO_C  = $(wildcard demos/[0-9]*_$(DEMO).c demos/$(DEMO).c)
demo: demos/list.sh $(if $(DEMO_C),$(DEMO_C:%.c=$B/%),no-demo)
	@$(if $(filter file,$(origin DEMO)),sh demos/list.sh)
	$(DEMO_C:%.c=$B/%) $(OPTIONS)
no-demo:
	@echo "there is no demo $(DEMO); these are there:"; sh demos/list.sh; exit 2

# Every op's values, gradients and second gradients against PyTorch's in f64, at its samples and at CASES random variants of them for each op;
# says so and passes where PyTorch is not installed (python3-torch). TABLE=1 prints the largest difference of each; SEED repeats a run.
CASES ?= 100
$B/tests/oracle/driver: $B/tests/oracle/driver.o $(HELPER_O) $B/libtapegrad.a
	$(LINK) -lcmocka
oracle: $B/tests/oracle/driver
	@for e in $(EVALUATORS); do TAPEGRAD_EVAL=$$e TAPEGRAD_ORACLE='$(CASES)' TAPEGRAD_SEED='$(or $(TAPEGRAD_SEED),$(SEED))' $< >$B/oracle.json && \
	    /usr/bin/python3 tests/oracle/compare.py $(if $(TABLE),--table) <$B/oracle.json || exit 1; done

# A run killed and resumed after 500 of 1,000 steps with each optimizer, and 1,000 kills while it saves.
resume: $B/tests/io/test_resume $B/tests/io/test_save_faults
	TAPEGRAD_STEPS=500 TAPEGRAD_KILLS=1000 $B/tests/io/test_resume
	TAPEGRAD_KILLS=1000 $B/tests/io/test_save_faults

# BENCH="--threads 1 W1_mlp_small" and the like are options of bench/compare.
bench: benches $B/demos/22_mnist_mlp $(if $(wildcard $(TORCH)),$B/bench/peer_torch)
	@BUILD='$B' CC='$(CC)' bench/compare $(COMPARE) $(BENCH)

# Every op of bench/ops.def in turn with PyTorch (python3-torch), small and large, with and without gradient: five minutes. OF="exp sum": of these.
bench-ops: benches
	@BUILD='$B' bench/peer_ops.py $(if $(PAGE),--page '$(PAGE)') $(OF)

# All figures of docs/performance.md, measured anew: most of an hour. With MNIST's epoch where TAPEGRAD_DATA says where the files are.
performance: COMPARE := --threads '1 2' --rounds 5 --seconds 0.3 --repeats 4 --chains --steady --page docs/performance.md \
    --plot docs/performance.png
performance: bench

# Allocations and page faults in 1,000 steps of each workload.
steady: COMPARE := --rounds 0 --steady
steady: bench

# The tables of docs/accuracy.md: every float, and many doubles. Some hours of one processor; less for some functions: OF="sin cos".
ulp: $B/tests/kernels/test_accuracy $B/tests/kernels/test_slopes
	TAPEGRAD_ULP=1 TAPEGRAD_ULP_OF='$(OF)' $B/tests/kernels/test_accuracy
	TAPEGRAD_ULP=1 TAPEGRAD_ULP_OF='$(OF)' $B/tests/kernels/test_slopes

# 100,000 against 1,000,000 of everything that there may be many of, with a small stack: half an hour and 10 GB. OF="chain": one of them.
linear: $B/tests/graph/test_linear
	ulimit -s 256 && TAPEGRAD_LINEAR=100000 TAPEGRAD_LINEAR_OF='$(OF)' $<

# Each rule of each op broken in turn, in a library of its own: the tests of gradients have to notice (tests/mutants/mutants.c). OF="mul exp":
# of these ops. Graphs that run once are done sooner node by node.
$B/tests/mutants/mutants: $(patsubst %.c,$B/%.o,$(wildcard tests/mutants/*.c)) $(HELPER_O) $B/libtapegrad.a
	$(LINK) -lcmocka
ifeq ($(VARIANT),mutants)
mutants: $B/tests/mutants/mutants
	TAPEGRAD_EVAL=$(or $(TAPEGRAD_EVAL),reference) OMP_NUM_THREADS=1 $< $(OF)
else
mutants:
	@$(MAKE) --no-print-directory mutants VARIANT=mutants
endif

# Scenarios of random calls against the eager mirror: as many as SCENARIOS says, from number FIRST on, which is another one each time.
SCENARIOS ?= 60000
FIRST     ?= $(shell date +%s)000000
differential: $B/tests/run/test_mirror
	TAPEGRAD_MIRROR=$(SCENARIOS) TAPEGRAD_MIRROR_SEED=$(FIRST) OMP_WAIT_POLICY=passive $<

# Forward mode against reverse mode on random graphs.
jvp-graphs: $B/tests/diff/test_jvp_graphs
	TAPEGRAD_JVP_GRAPHS=$(or $(TAPEGRAD_JVP_GRAPHS),10000) OMP_WAIT_POLICY=passive $<

# Any bytes as files of each format (tests/fuzz), RUNS of each, from the stored examples on; OF="npy csv": of these. What is found lies below
# build/fuzz-clang/fuzz: examples that reach more of the code in corpus, and crash-…, leak-…, timeout-…, each of which is a fault.
RUNS    ?= 1000000
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
ifeq ($(VARIANT),fuzz)
$B/fuzz/%: $B/tests/fuzz/fuzz_%.o $B/libtapegrad.a
	@mkdir -p $(@D)
	$(LINK) -fsanitize=fuzzer,address,undefined
fuzz: $(patsubst %,$B/fuzz/%,$(or $(OF),$(FUZZERS)))
	@for f in $(or $(OF),$(FUZZERS)); do \
	    mkdir -p $B/fuzz/corpus/$$f && echo "== $$f: $(RUNS) runs" && \
	    $B/fuzz/$$f -runs=$(RUNS) -max_len=4096 -malloc_limit_mb=256 -rss_limit_mb=1024 -timeout=10 -verbosity=0 -print_final_stats=1 \
	        -artifact_prefix=$B/fuzz/$$f- $B/fuzz/corpus/$$f tests/fuzz/corpus/$$f || exit 1; \
	done
else
fuzz:
	@$(MAKE) --no-print-directory fuzz VARIANT=fuzz CC=clang
endif

# Every op's first and second gradients against differences, VARIANTS random variants of the samples of each: a table of the largest errors.
# OF="rstd norm": of some ops. SEED repeats a run.
VARIANTS ?= 200
gradients: $B/tests/ops/test_random_gradients
	@TAPEGRAD_GRADIENTS='$(or $(TAPEGRAD_GRADIENTS),$(VARIANTS))' TAPEGRAD_SEED='$(or $(TAPEGRAD_SEED),$(SEED))' TAPEGRAD_OF='$(OF)' \
	    OMP_WAIT_POLICY=passive $< >$B/gradients.txt; status=$$?; grep -v '^\[ RUN \|^\[       OK ' $B/gradients.txt; exit $$status

# Under these tools fewer random scenarios do, and a test has longer: they take ten times as long and more.
asan tsan valgrind: export TAPEGRAD_MIRROR ?= 200
asan tsan valgrind: export TAPEGRAD_GRADIENTS ?= 4
asan tsan valgrind: export TEST_TIMEOUT ?= 1200

asan:
	$(MAKE) --no-print-directory check VARIANT=asan

# One OpenMP thread: libgomp's own synchronisation is invisible to the sanitizer. The threads that tests make are watched.
tsan:
	OMP_NUM_THREADS=1 $(MAKE) --no-print-directory check VARIANT=tsan

valgrind:
	OMP_NUM_THREADS=1 RUN='valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect --error-exitcode=99' $(MAKE) --no-print-directory check

# Another machine's library and core tests, with a cross compiler and an emulator. On Debian it needs the packages crossbuild-essential-arm64
# (or gcc-aarch64-linux-gnu), qemu-user and mmdebstrap, root or user namespaces, and a network: the machine's libraries are unpacked below
# build/ and nothing is installed. About a quarter of an hour. Left out are tests that count page faults, which are the emulator's.
CROSS       ?= aarch64-linux-gnu
CROSS_ARCH  ?= arm64
CROSS_QEMU  ?= qemu-aarch64
CROSS_TESTS ?= test_shape test_format test_rng test_kernels test_tiles test_accuracy test_update test_gemm test_shape_ops \
    test_shape_chains test_reduce_ops test_index_ops test_softmax test_matmul test_conv test_pool test_norm_ops test_losses test_backward test_walk test_optim test_optim_range \
    test_plan test_plan_groups test_plan_random test_safetensors test_fpenv
CROSS_ROOT  := $(CURDIR)/build/$(CROSS)-root
CROSS_LIBS  := $(CROSS_ROOT)/usr/lib/$(CROSS)

build/$(CROSS)-root:
	@for p in $(CROSS)-gcc $(CROSS_QEMU) mmdebstrap; do command -v $$p >/dev/null || { echo "make cross needs $$p"; exit 1; }; done
	mmdebstrap --variant=extract --architectures=$(CROSS_ARCH) \
	    --include=libc6-dev,libgomp1,libopenblas-openmp-dev,zlib1g-dev,libjansson-dev,libzip-dev,libcmocka-dev bookworm $@.new
	find $@.new -type l -lname '/*' | while read -r l; do ln -sfn "$(CURDIR)/$@$$(readlink "$$l")" "$$l"; done
	mv $@.new $@

cross: build/$(CROSS)-root
	PKG_CONFIG_SYSROOT_DIR='$(CROSS_ROOT)' PKG_CONFIG_LIBDIR='$(CROSS_LIBS)/openblas-openmp/pkgconfig:$(CROSS_LIBS)/pkgconfig' \
	    RUN='$(CROSS_QEMU) -L $(CROSS_ROOT) -E LD_LIBRARY_PATH=$(CROSS_LIBS)/openblas-openmp' TEST_TIMEOUT='$(or $(TEST_TIMEOUT),1200)' \
	    $(MAKE) --no-print-directory check VARIANT=$(CROSS) CC='$(CROSS)-gcc --sysroot=$(CROSS_ROOT)' AR=$(CROSS)-ar \
	    EVALUATORS=fused TESTS='$(CROSS_TESTS)'

# ---- the rest ----

# The table of all ops; tests/whole/test_docs.sh says when it is out of date.
ops-table: $B/tools/list-ops
	$< >docs/ops.md

# The reference of all public functions as HTML, and as XML for tests/whole/test_reference.sh, by Doxygen.
REFERENCE ?= build/reference
reference:
	@mkdir -p $(REFERENCE)
	(cat docs/reference.doxyfile && echo OUTPUT_DIRECTORY = $(REFERENCE)) | doxygen -

define PC
prefix=$(abspath $(PREFIX))
Name: tapegrad
Description: Reverse-mode automatic differentiation on tensors
Version: $(VERSION)
Cflags: -I$${prefix}/include
Libs: -L$${prefix}/lib -ltapegrad -lm
Libs.private: $(LIBS) -fopenmp
endef
export PC

install: lib $B/tg-gradcheck
	install -d $(DESTDIR)$(PREFIX)/include/tapegrad $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/bin
	install -m 755 $B/tg-gradcheck $(DESTDIR)$(PREFIX)/bin
	install -m 644 include/*.h $(DESTDIR)$(PREFIX)/include
	install -m 644 include/tapegrad/*.h $(DESTDIR)$(PREFIX)/include/tapegrad
	install -m 644 $B/libtapegrad.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $B/$(SONAME) $(DESTDIR)$(PREFIX)/lib
	ln -sf $(SONAME) $(DESTDIR)$(PREFIX)/lib/libtapegrad.so
	echo "$$PC" >$(DESTDIR)$(PREFIX)/lib/pkgconfig/tapegrad.pc
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man3 $(DESTDIR)$(PREFIX)/share/man/man7
	install -m 644 docs/man/tapegrad.3 $(DESTDIR)$(PREFIX)/share/man/man3
	install -m 644 docs/man/tapegrad.7 $(DESTDIR)$(PREFIX)/share/man/man7
	$B/tg-gradcheck --help | awk -v name=tg-gradcheck -v version=$(VERSION) -f tools/help_to_man.awk >$(DESTDIR)$(PREFIX)/share/man/man1/tg-gradcheck.1

format:
	clang-format -i $(wildcard include/*.h include/tapegrad/*.h src/*/*.[ch] src/*/*/*.[ch] tests/*/*.[ch] demos/*.[ch] bench/*.[ch])

clean:
	rm -rf build

-include $(shell find $B -name '*.d' 2>/dev/null)
