# One page of targets; each does all of its own set-up, and a second run reinstalls nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help demo test test-all check format slam-benchmark performance photoreal clean
help:
	@echo "make demo      camera -> node -> viewer over real ROS 2; pictures in demo/   (INPUT=folder|image|video|bag, MODEL=unet, WEIGHTS=file)"
	@echo "make test      the fast tests        make test-all  also the slow ones"
	@echo "make check     lint, format, types   make format    reformat the code"
	@echo "make slam-benchmark   ORB-SLAM3 on true, network and other depth; renews docs/slam.md (x86-64 Linux; two cores: two hours, or JOBS=4: half an hour)"
	@echo "make performance      how fast each network is on each back-end here; renews docs/performance.md (half an hour at first)"
	@echo "make photoreal photo-realistic rooms by Blender, until Ctrl-C   (OUT=folder, FLATS=number; photoreal/README.md)"
	@echo "make clean     remove what the targets made"

$(STAMP): setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || { echo "Python 3.10 to 3.13 is needed, got $$($(PYTHON) --version); name one: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "cannot make a virtual environment: apt install python3-venv"; exit 1; }
	$(BIN)/pip install -q -c constraints.txt setuptools
	$(BIN)/pip install -q -c constraints.txt --no-build-isolation -e '.[ros,train,openvino,onnxruntime,dev]'
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python -m depth_estimation_ros.demo $(if $(MODEL),--model $(MODEL)) $(if $(WEIGHTS),--weights '$(WEIGHTS)') $(if $(INPUT),--input '$(INPUT)')

test: $(STAMP)
	$(BIN)/python -m pytest -q -m 'not slow'

test-all: $(STAMP)
	$(BIN)/python -m pytest -q

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

slam-benchmark: $(STAMP)
	$(BIN)/python benchmarks/slam/run.py --jobs $(or $(JOBS),1)

performance: $(STAMP)
	$(BIN)/python benchmarks/performance/measure.py

# An environment of its own, outside of this tree: Blender as a module, for Python 3.11 alone.
PHOTOREAL_ENV ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/depth_estimation_ros/photoreal
PHOTOREAL_PYTHON ?= python3.11
$(PHOTOREAL_ENV)/.installed: photoreal/requirements.txt photoreal/unresolved.txt
	$(PHOTOREAL_PYTHON) -m venv $(PHOTOREAL_ENV)
	$(PHOTOREAL_ENV)/bin/pip install -q -r photoreal/requirements.txt
	$(PHOTOREAL_ENV)/bin/pip install -q --no-deps -r photoreal/unresolved.txt
	@touch $@

photoreal: $(PHOTOREAL_ENV)/.installed
	$(PHOTOREAL_ENV)/bin/python -m photoreal --out '$(or $(OUT),data/photoreal)' $(if $(FLATS),--flats $(FLATS))

clean:
	rm -rf $(VENV) depth_estimation_ros.egg-info demo .pytest_cache .mypy_cache .ruff_cache
	find depth_models depth_estimation_ros launch photoreal test benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
