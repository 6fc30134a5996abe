/// Makes the launcher cases tests of the calling crate.
///
/// Takes the path of an `async fn() -> LauncherBench`. Each case becomes two `#[test]`s, in the
/// modules `direct` and `through_arc`.
#[macro_export]
macro_rules! launcher_conformance {
    ($factory:path) => {
        $crate::__conformance! {
            $factory, launcher, launcher, [
                launched_task_gets_an_address,
                same_key_twice_is_one_task,
                same_key_at_once_is_one_task,
                handle_survives_a_round_trip_through_json,
                another_instance_finds_the_task,
                owners_do_not_see_each_other,
                watch_tells_the_way_up_and_the_end,
                dropped_watch_can_be_taken_up_again,
                stop_ends_the_task,
                stop_twice_is_fine,
                stopped_key_stays_dead,
                dropped_launch_leaves_nothing_that_list_cannot_find,
                foreign_handle_is_refused,
            ]
        }
    };
}

/// Makes the transport cases tests of the calling crate.
///
/// Takes the path of an `async fn() -> TransportBench`. Each case becomes two `#[test]`s, in the
/// modules `direct` and `through_arc`.
#[macro_export]
macro_rules! transport_conformance {
    ($factory:path) => {
        $crate::__conformance! {
            $factory, transport, exec, [
                probe_learns_the_identity,
                exec_without_an_identity_is_untrusted,
                changed_identity_is_untrusted,
                unknown_client_is_refused,
                every_byte_arrives_and_streams_stay_apart,
                large_output_on_both_streams_is_exact,
                one_endless_line_is_exact,
                exit_codes_are_the_scripts_own,
                death_by_signal_is_told,
                standard_input_is_at_its_end,
                five_megabyte_script_runs,
                script_without_a_final_newline_runs,
                script_with_invalid_utf8_runs,
                script_stays_off_the_command_line,
                command_words_arrive_unchanged,
                slow_sink_slows_the_script,
                left_behind_process_does_not_hold_the_stage,
                cancel_ends_the_whole_process_group,
                cancel_works_while_the_sink_is_stuck,
                cancelled_before_it_starts_never_runs,
                failing_sink_ends_the_script,
                lost_connection_is_not_success,
                many_at_once_keep_their_results,
            ]
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance {
    ($factory:path, $suite:ident, $subject:ident, [$($case:ident),+ $(,)?]) => {
        mod direct {
            #[expect(unused_imports, reason = "the factory is named by a path of the outer module")]
            use super::*;
            $(#[test]
            fn $case() {
                $crate::testkit::run_case(async {
                    let bench = $factory().await;
                    $crate::testkit::$suite::$case(&*bench.$subject, &bench).await;
                });
            })+
        }

        mod through_arc {
            #[expect(unused_imports, reason = "the factory is named by a path of the outer module")]
            use super::*;
            $(#[test]
            fn $case() {
                $crate::testkit::run_case(async {
                    let bench = $factory().await;
                    $crate::testkit::$suite::$case(&bench.$subject, &bench).await;
                });
            })+
        }
    };
}
