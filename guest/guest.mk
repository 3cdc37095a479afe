# SPDX-License-Identifier: MIT
# What runs inside the Linux guest: its programs, the hypercall module, the initrd. LINUX is a folder
# as script/lib/linux.sh makes it: vmlinuz, the unpacked headers of the same kernel, bin/busybox.

GUEST := $(BUILD)/guest
GUEST_BIN := $(patsubst %,$(GUEST)/%,lamina-stats lamina-cr lamina-try laminactl hostile tick)
MUSL_CC ?= musl-gcc

.PHONY: guest
guest: $(GUEST)/initrd.gz $(GUEST)/vmlinuz-unpacked

$(GUEST_BIN): $(GUEST)/%: tools/%.c include/hv/hypercall.h include/hv/exit_kinds.def guest/kmod/lamina_ioctl.h
	@mkdir -p $(@D)
	$(MUSL_CC) -std=gnu11 -O2 -static $(filter-out -Wundef,$(WARN)) -I. -Iinclude -idirafter /usr/include \
		-idirafter /usr/include/x86_64-linux-gnu -o $@ $(filter %.c,$^)
	strip $@

# the code of its vault calls nothing that is not in it
$(GUEST)/laminactl: WARN += -fno-stack-protector -fno-tree-loop-distribute-patterns
$(GUEST)/laminactl: tools/laminactl_vault.c tools/laminactl_trace.c tools/lamina_vault.c tools/laminactl.h tools/lamina_vault.h \
	include/hv/trace.h
$(GUEST)/laminactl $(GUEST)/lamina-stats $(GUEST)/lamina-cr $(GUEST)/lamina-try: tools/lamina_dev.c tools/lamina_dev.h

# Kbuild writes beside the sources, so it works on a copy.
$(GUEST)/lamina.ko: guest/kmod/lamina.c guest/kmod/lamina_ioctl.h guest/kmod/Kbuild include/hv/hypercall.h
	@mkdir -p $(GUEST)/kmod
	cp $^ $(GUEST)/kmod/
	$(MAKE) -s -C $(LINUX)/headers M=$(abspath $(GUEST)/kmod) modules >$(GUEST)/kmod/log 2>&1 || \
		{ cat $(GUEST)/kmod/log >&2; exit 1; }
	strip --strip-debug -o $@ $(GUEST)/kmod/lamina.ko

$(GUEST)/initrd.gz: guest/init guest/guest.mk $(GUEST_BIN) $(GUEST)/lamina.ko $(LINUX)/bin/busybox
	rm -rf $(GUEST)/root
	mkdir -p $(addprefix $(GUEST)/root/,bin dev lib proc sys)
	cp $(LINUX)/bin/busybox $(GUEST_BIN) $(GUEST)/root/bin/
	cp $(GUEST)/lamina.ko $(GUEST)/root/lib/
	install -m 755 guest/init $(GUEST)/root/init
	cd $(GUEST)/root && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n >../initrd.gz

# For kernels without the module, 32-bit ones first of all. BUSYBOX32: Debian's busybox-static for i386.
GUEST32_BIN := $(patsubst %,$(GUEST)/bin32/%,cpu-probe tick)

.PHONY: guest32
guest32: $(GUEST)/initrd32.gz

$(GUEST32_BIN): $(GUEST)/bin32/%: tools/%.c
	@mkdir -p $(@D)
	$(CC) -m32 -march=i686 -std=gnu11 -O2 -static $(WARN) -o $@ $<
	strip $@

$(GUEST)/initrd32.gz: guest/init guest/guest.mk $(GUEST32_BIN) $(BUSYBOX32)
	rm -rf $(GUEST)/root32
	mkdir -p $(addprefix $(GUEST)/root32/,bin dev proc sys)
	cp $(BUSYBOX32) $(GUEST32_BIN) $(GUEST)/root32/bin/
	install -m 755 guest/init $(GUEST)/root32/init
	cd $(GUEST)/root32 && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet | gzip -9n >../initrd32.gz

$(GUEST)/vmlinuz-unpacked: $(LINUX)/vmlinuz guest/unpack.sh guest/unpacked.S
	guest/unpack.sh $(LINUX)/vmlinuz $@

# for gdb (lamina gdb)
$(GUEST)/symbols.elf: $(GUEST)/vmlinuz-unpacked $(BUILD)/kallsyms script/symbols.sh
	$(BUILD)/kallsyms $< >$(GUEST)/symbols
	sh script/symbols.sh $@ <$(GUEST)/symbols
