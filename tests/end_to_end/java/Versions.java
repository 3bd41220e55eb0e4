import java.util.*;
import java.util.concurrent.CountDownLatch;
import org.apache.mesos.v1.Protos.*;
import org.apache.mesos.v1.scheduler.*;
import org.apache.mesos.v1.scheduler.Protos.Call;
import org.apache.mesos.v1.scheduler.Protos.Event;

/**
 * A framework that speaks the v1 API by itself, and prints what it is told.
 *
 * <pre>
 * Versions v1 MASTER         runs a task, makes mistakes, connects again and ends
 * Versions v0 MASTER         the same, but it cannot connect again
 * Versions v1 MASTER throws  throws when it is told something
 * </pre>
 */
public class Versions implements Scheduler {
    private static final FrameworkInfo FRAMEWORK = FrameworkInfo.newBuilder().setUser("").setName("versions")
            .setFailoverTimeout(60).build();
    private final CountDownLatch over = new CountDownLatch(1);
    private final boolean isFirst;
    private final boolean throwsAtOnce;
    private FrameworkID id;
    private boolean launched;
    private boolean finished;

    Versions(boolean isFirst, boolean throwsAtOnce) {
        this.isFirst = isFirst;
        this.throwsAtOnce = throwsAtOnce;
    }

    public static void main(String[] arguments) throws Exception {
        boolean throwsAtOnce = arguments.length > 2;
        Versions scheduler = new Versions(arguments[0].equals("v0"), throwsAtOnce);
        Mesos mesos = scheduler.isFirst
                ? new V0Mesos(scheduler, FRAMEWORK, arguments[1]) : new V1Mesos(scheduler, arguments[1]);
        scheduler.over.await();
        while (throwsAtOnce) {
            try {
                mesos.reconnect();
            } catch (IllegalStateException thrown) {
                System.out.println(thrown);
                return;
            }
            Thread.onSpinWait();
        }
    }

    private static void say(Object line) {
        System.out.println(line);
    }

    @Override
    public void connected(Mesos mesos) {
        if (over.getCount() == 0) {
            return;
        }
        say("connected");
        // Who was made with a framework is that one, whatever it says here.
        FrameworkInfo.Builder framework = isFirst
                ? FrameworkInfo.newBuilder().setUser("").setName("other") : FRAMEWORK.toBuilder();
        Call.Builder call = Call.newBuilder().setType(Call.Type.SUBSCRIBE);
        if (id != null) {
            framework.setId(id);
            call.setFrameworkId(id);
        }
        mesos.send(call.setSubscribe(Call.Subscribe.newBuilder().setFrameworkInfo(framework)).build());
    }

    @Override
    public void disconnected(Mesos mesos) {
        // The master closes the connection of a framework that has ended.
        if (over.getCount() > 0) {
            say("disconnected");
        }
    }

    @Override
    public void received(Mesos mesos, Event event) {
        switch (event.getType()) {
            case SUBSCRIBED -> {
                say("SUBSCRIBED");
                if (throwsAtOnce) {
                    over.countDown();
                    throw new UnsupportedOperationException("nothing is done here");
                }
                boolean again = id != null;
                id = event.getSubscribed().getFrameworkId();
                if (again) {
                    end(mesos);
                }
            }
            case OFFERS -> offers(mesos, event.getOffers().getOffersList());
            case UPDATE -> update(mesos, event.getUpdate().getStatus());
            case ERROR -> {
                say("ERROR " + event.getError().getMessage().replaceAll("http://[0-9.:]+", "MASTER"));
                if (isFirst) {
                    end(mesos);
                } else {
                    mesos.reconnect();
                }
            }
            case HEARTBEAT, RESCIND -> {}
            default -> say(event.getType());
        }
    }

    private void offers(Mesos mesos, List<Offer> offers) {
        for (Offer offer : offers) {
            if (launched) {
                continue;
            }
            launched = true;
            TaskInfo task = TaskInfo.newBuilder().setName("task")
                    .setTaskId(TaskID.newBuilder().setValue("t")).setAgentId(offer.getAgentId())
                    .setCommand(CommandInfo.newBuilder().setValue("exit 0"))
                    .addResources(scalar("cpus", 0.1)).addResources(scalar("mem", 32)).build();
            Offer.Operation launch = Offer.Operation.newBuilder().setType(Offer.Operation.Type.LAUNCH)
                    .setLaunch(Offer.Operation.Launch.newBuilder().addTaskInfos(task)).build();
            mesos.send(call(Call.Type.ACCEPT).setAccept(Call.Accept.newBuilder()
                    .addOfferIds(offer.getId()).addOperations(launch)).build());
        }
    }

    private static Resource scalar(String name, double value) {
        return Resource.newBuilder().setName(name).setType(Value.Type.SCALAR)
                .setScalar(Value.Scalar.newBuilder().setValue(value)).build();
    }

    private void update(Mesos mesos, TaskStatus status) {
        mesos.send(call(Call.Type.ACKNOWLEDGE).setAcknowledge(Call.Acknowledge.newBuilder()
                .setAgentId(status.getAgentId()).setTaskId(status.getTaskId()).setUuid(status.getUuid())).build());
        if (status.getState() == TaskState.TASK_FINISHED && !finished) {
            finished = true;
            say("TASK_FINISHED");
            mistake(() -> mesos.send(null));
            mistake(() -> mesos.send(Call.getDefaultInstance()));
            mistake(() -> mesos.send(call(Call.Type.KILL).build()));
            // The master knows no such framework.
            mesos.send(call(Call.Type.REVIVE).setFrameworkId(FrameworkID.newBuilder().setValue("x")).build());
        }
    }

    private static void mistake(Runnable made) {
        try {
            made.run();
            say("nobody noticed");
        } catch (RuntimeException thrown) {
            say(thrown);
        }
    }

    private Call.Builder call(Call.Type type) {
        return Call.newBuilder().setType(type).setFrameworkId(id);
    }

    private void end(Mesos mesos) {
        over.countDown();
        mesos.send(call(Call.Type.TEARDOWN).build());
    }
}
