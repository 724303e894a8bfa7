{
  "target_defaults": {
    "cflags": ["-Wall", "-Wextra", "-Werror", "-O3", "-fPIC", "-ffile-prefix-map=<(module_root_dir)=native"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++17", "-fno-exceptions"],
    "ldflags": ["-pthread"]
  },
  "targets": [
    {
      # All but the binding: free of Node's headers, so that the tests link it alone.
      "target_name": "collector",
      "type": "static_library",
      "sources": [
        "sensors/audit/assembler.cc", "sensors/audit/audit_event.cc", "sensors/audit/cleanup.cc", "sensors/audit/control.cc", "sensors/audit/coverage.cc", "sensors/audit/flood_watch.cc", "sensors/audit/group_change.cc", "sensors/audit/inspection.cc", "sensors/audit/kernel.cc",
        "sensors/audit/log_line.cc", "sensors/audit/log_reader.cc", "sensors/audit/login_record.cc", "sensors/audit/pack_event.cc", "sensors/audit/place.cc", "sensors/audit/record.cc", "sensors/audit/record_readers.cc", "sensors/audit/recorded_names.cc",
        "sensors/audit/rule.cc", "sensors/audit/state_file.cc", "sensors/audit/subscription.cc", "sensors/audit/syslog_prefix.cc", "sensors/audit/syscalls.cc",
        "batch.cc", "batch_queue.cc", "clocks.cc", "collector.cc", "events/events.cc", "heap_limits.cc", "socket_peer.cc",
        "sensors/audit_connector/audit_connector.cc", "sensors/audit_connector/cgroup_moves.cc", "sensors/audit_connector/exec_readings.cc", "sensors/netlink_receiver.cc",
        "sensors/connector/connector.cc", "sensors/connector/thread_groups.cc",
        "procfs/cgroup.cc", "procfs/exec_file.cc", "procfs/file_times.cc", "procfs/proc_dir.cc", "procfs/process_reader.cc",
        "procfs/thread_scan.cc"
      ]
    },
    {
      "target_name": "process_ancestry",
      "dependencies": ["collector"],
      "sources": ["addon.cc", "old_glibc.c"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_DISABLE_CPP_EXCEPTIONS", "NAPI_VERSION=8"],
      # Hosts have older C and C++ libraries than the machine that builds: see old_glibc.c. libgcc_s is Node's own need.
      "ldflags": [
        "-static-libstdc++", "-shared-libgcc", "-Wl,--gc-sections",
        "-Wl,--version-script=<(module_root_dir)/exports.map",
        "-Wl,--wrap=__pthread_key_create", "-Wl,--wrap=fstat64", "-Wl,--wrap=pthread_create", "-Wl,--wrap=pthread_join",
        "-Wl,--wrap=pthread_once", "-Wl,--wrap=pthread_setname_np", "-Wl,--wrap=pthread_sigmask"
      ]
    },
    {
      "target_name": "native_tests",
      "type": "executable",
      "dependencies": ["collector"],
      "sources": [
        "test/assembler_test.cc", "test/batch_test.cc", "test/cgroup_test.cc", "test/clocks_test.cc", "test/cgroup_moves_test.cc", "test/control_test.cc", "test/coverage_test.cc", "test/flood_watch_test.cc", "test/exec_readings_test.cc", "test/kernel_children_test.cc",
        "test/exec_file_test.cc", "test/group_change_test.cc", "test/log_line_test.cc", "test/log_test.cc", "test/login_record_test.cc",
        "test/main.cc", "test/mutation_test.cc", "test/place_test.cc", "test/procfs_test.cc", "test/record_test.cc",
        "test/rule_test.cc", "test/samples.cc", "test/socket_peer_test.cc", "test/syscalls_test.cc", "test/thread_groups_test.cc", "test/unpack.cc",
        "test/unpack_payload.cc"
      ]
    }
  ]
}
